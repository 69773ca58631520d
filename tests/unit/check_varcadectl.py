#!/usr/bin/python3
"""Tests of varcadectl as a program: arguments, output, exit status. Needs nothing but Python itself."""
import base64
import hashlib
import hmac
import json
import os
import shutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

SRCDIR = Path(os.environ.get("srcdir", "."))
PROGRAM = str(Path("worker/varcadectl").resolve())
SECRET = "0123456789abcdef0123456789abcdef"
AUDIT = r"^\S+ varcadectl\[\d+\] NOTICE audit: token who=\S+ about=\S+\n$"


def run(*args, **kwargs):
    return subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True, timeout=60, **kwargs)


def unbase64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="check_varcadectl."))
        self.addCleanup(shutil.rmtree, self.dir)
        (self.dir / "token.key").touch(mode=0o600)
        (self.dir / "token.key").write_text(SECRET + "\n")
        self.config = self.write("varcade.json", {"token": {"key_files": ["token.key"]}})

    def write(self, name, value):
        path = self.dir / name
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return path

    def fails(self, out, status, *words):
        self.assertEqual((out.returncode, out.stdout), (status, ""), out.stderr)
        for word in words:
            self.assertIn(word, out.stderr)


class Token(Case):
    def claims(self, *args):
        out = run("token", "--config", self.config, *args)
        self.assertEqual(out.returncode, 0, out.stderr)
        self.assertRegex(out.stderr, AUDIT)
        signed, signature = out.stdout.rstrip("\n").rsplit(".", 1)
        expected = hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).digest()
        self.assertEqual(unbase64(signature), expected)
        header, payload = signed.split(".")
        self.assertEqual(json.loads(unbase64(header))["alg"], "HS256")
        return json.loads(unbase64(payload))

    def test_claims(self):
        before = int(time.time())
        claims = self.claims("--user", "4711", "--name", 'Jürgen "J"')
        self.assertEqual((claims["user_id"], claims["username"]), ("4711", 'Jürgen "J"'))
        self.assertEqual(claims["exp"] - claims["iat"], 24 * 3600)
        self.assertLessEqual(before, claims["iat"])
        self.assertLessEqual(claims["iat"], time.time())

    def test_json(self):
        before = int(time.time())
        out = run("token", "--json", "--config", self.config, "--user", "u", "--name", "n", "--hours", "2")
        self.assertEqual(out.returncode, 0)
        self.assertRegex(out.stderr, AUDIT)
        told = json.loads(out.stdout)
        payload = json.loads(unbase64(told["token"].split(".")[1]))
        self.assertEqual((payload["user_id"], told["user_id"]), ("u", "u"))
        self.assertEqual(told["expires"], time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(payload["exp"])))
        self.assertLessEqual(before + 7200, payload["exp"])

    def test_hours(self):
        claims = self.claims("--user", "u", "--name", "n", "--hours", "87600")
        self.assertEqual(claims["exp"] - claims["iat"], 87600 * 3600)

    def test_arguments(self):
        for hours in ("0", "-1", "87601", "1.5", "", "1h", "99999999999999999999"):
            self.fails(run("token", "--config", self.config, "--user", "u", "--name", "n", "--hours", hours), 2, "--hours")
        for user in ("", "x" * 129, "a\nb"):
            self.fails(run("token", "--config", self.config, "--user", user, "--name", "n"), 2, "--user")
            self.fails(run("token", "--config", self.config, "--user", "u", "--name", user), 2, "--name")
        self.fails(run("token", "--config", self.config, "--name", "n"), 2, "--user")
        self.fails(run("token", "--config", self.config, "--user", "u"), 2, "--name")
        self.fails(run("token", "--user", "u", "--name", "n", "more"), 2, "no arguments")
        self.fails(run("token", "--colour", "red"), 2, "colour")

    def test_no_key(self):
        args = ("--user", "u", "--name", "n")
        self.fails(run("token", *args, "--config", self.dir / "none.json"), 1, "none.json")
        self.fails(run("token", *args, "--config", self.write("empty.json", "{}")), 1, "token.key_files")
        (self.dir / "token.key").chmod(0o644)
        out = run("token", *args, "--config", self.config)
        self.fails(out, 1, "token.key", "0644")
        self.assertNotIn(SECRET, out.stderr)

    def test_public_key(self):
        body = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEfGU7pT1NwpFSZLTktskgA2tUOT/e\n" \
               "53qMHr+1ikw/v/znXlDBJQ2jZAAnwpMdMw4apQmyOns22HVN2bzGpnsZ/g==\n"
        self.write("public.pem", f"-----BEGIN PUBLIC KEY-----\n{body}-----END PUBLIC KEY-----\n")
        config = self.write("es.json", {"token": {"algorithm": "ES256", "key_files": ["public.pem"]}})
        self.fails(run("token", "--config", config, "--user", "u", "--name", "n"), 1, "ES256", "public")


class Check(Case):
    example = SRCDIR / "games/exrps.json"

    def test_good(self):
        out = run("check", self.example)
        self.assertEqual((out.returncode, out.stdout, out.stderr), (0, f"{self.example}: good\n", ""))

    def test_every_problem_of_every_file(self):
        game = json.loads(self.example.read_text())
        named = self.write("other.json", game)
        game["players"] = {"min": 3, "max": 2}
        game["colour"] = "red"
        bad = self.write("exrps.json", game)
        broken = self.write("broken.json", '{"product_id": }')
        out = run("check", bad, self.example, named, broken, self.dir / "none.json")
        self.assertEqual((out.returncode, out.stdout), (1, f"{self.example}: good\n"))
        lines = out.stderr.splitlines()
        self.assertTrue(all(line.startswith(str(self.dir)) for line in lines), out.stderr)
        for file, word in ((bad, "colour"), (bad, "players"), (named, "exrps.json"), (broken, "line 1"),
                           (self.dir / "none.json", "No such file")):
            self.assertTrue(any(line.startswith(f"{file}: ") and word in line for line in lines), out.stderr)

    def test_name_must_be_the_whole_id(self):
        game = self.example.read_text()
        for name in ("exrps", "exrps.json.json", "exrpsjson", "exrp.json", "xexrps.json"):
            self.fails(run("check", self.write(name, game)), 1, "must be exrps.json")
        self.assertEqual(run("check", self.write("exrps.json", game)).returncode, 0)
        self.assertEqual(run("check", "exrps.json", cwd=self.dir).returncode, 0)


class CheckEvent(Case):
    def game(self):
        game = json.loads((SRCDIR / "games/exrps.json").read_text())
        game["stats"] = [{"on": {"type": "score"}, "player": "user_id", "max": {"best": {"field": "score"}}}]
        game["boards"] = [
            {"id": "best", "title": "Best", "windows": ["all", "yearly"],
             "from": [{"on": {"type": "score"}, "player": "user_id", "max": {"field": "score"}}]},
            {"id": "rating", "title": "Rating",
             "rating": {"system": "elo", "on": {"type": "game_over"}, "winner": "winner_id", "loser": "loser_id"}}]
        game.pop("titles", None)
        game.pop("top_ten", None)
        return self.write("exrps.json", game)

    def event(self, *fields):
        out = run("check", self.game(), "--event", *fields)
        self.assertEqual((out.returncode, out.stderr), (0, ""))
        return out.stdout.splitlines()[1:]

    def test_effects(self):
        year = time.strftime("%Y", time.gmtime())
        self.assertEqual(self.event("type=score", "user_id=7", "score=12.50"),
                         ["  statistic best of 7: max 12.5", f"  board best (all, {year}) of 7: max 12.5"])
        self.assertEqual(self.event("type=game_over", "game_id=" + "0" * 32, "winner_id=7", "loser_id=a=b"),
                         ["  board rating (all) rates 7, a=b", f"  game {'0' * 32}: over"])
        self.assertEqual(self.event("type=other", "product_id=exrps"), ["  no rule speaks of the event"])

    def json(self, file, *fields, status=0):
        out = run("check", file, "--json", "--event", *fields)
        self.assertEqual((out.returncode, out.stderr), (status, ""))
        return json.loads(out.stdout)

    def bounded(self):
        game = json.loads(self.game().read_text())
        game["boards"][0]["bounds"] = {"min": 0, "max": 1000, "max_step": 100, "max_per_minute": 5}
        game["boards"].append({"id": "sum", "bounds": {"max_step": 50},
                               "from": [{"on": {"type": "sum"}, "player": "user_id", "add": {"field": "score"}}]})
        game["stats"] += [{"on": {"type": "won"}, "player": "user_id", "add": {"wins": 2},
                           "streak": {"row": {"longest": "longest_row"}}}]
        return self.write("exrps.json", game)

    def test_quarantine(self):
        for kind, score, reason in (("score", "1000.5", "best: 1000.5 is beyond max 1000"),
                                    ("score", "-1", "best: -1 is beyond min 0"), ("sum", "60", "sum: 60 is beyond max_step 50"),
                                    ("sum", "-60", "sum: 60 is beyond max_step 50")):
            fields = (f"type={kind}", "user_id=7", f"score={score}")
            out = run("check", self.bounded(), "--event", *fields)
            self.assertEqual((out.returncode, out.stderr), (0, ""))
            self.assertEqual(out.stdout.splitlines()[-1], f"  quarantined, and nothing of it counts: {reason}")
            told = self.json(self.bounded(), *fields)
            self.assertEqual((told["event"], told["reason"]), ("quarantined", reason))
        for kind, score in (("score", "1000"), ("score", "0"), ("sum", "50")):
            told = self.json(self.bounded(), f"type={kind}", "user_id=7", f"score={score}")
            self.assertEqual(told["event"], "counts")
            self.assertNotIn("reason", told)

    def test_longest_of_a_streak(self):
        out = run("check", self.bounded(), "--event", "type=won", "user_id=7")
        self.assertEqual(out.stdout.splitlines()[1:], [
            "  statistic wins of 7: add 2", "  statistic row of 7: add 1",
            "  statistic longest_row of 7: max row as it is then (1 where it began at 0)"])
        self.assertEqual(self.json(self.bounded(), "type=won", "user_id=7")["effects"], [
            {"player": "7", "statistic": "wins", "add": 2, "makes": 2}, {"player": "7", "statistic": "row", "add": 1, "makes": 1},
            {"player": "7", "statistic": "longest_row", "max": 1, "follows": "row", "makes": 1}])

    def test_json(self):
        year = time.strftime("%Y", time.gmtime())
        told = self.json(self.game(), "type=score", "user_id=7", "score=12.50")
        self.assertEqual(told, {
            "file": str(self.dir / "exrps.json"), "good": True, "problems": [], "event": "counts", "ratings": [],
            "effects": [{"player": "7", "statistic": "best", "max": 12.5, "makes": 12.5},
                        {"player": "7", "board": "best", "windows": ["all", year], "max": 12.5, "makes": 12.5}]})
        told = self.json(self.game(), "type=game_over", "game_id=" + "0" * 32, "winner_id=7", 'loser_id="\\')
        self.assertEqual(told["ratings"], [{"board": "rating", "windows": ["all"], "players": ["7", '"\\']}])
        self.assertEqual(told["game"], {"event": "over", "game_id": "0" * 32})
        self.assertEqual(self.json(self.game(), "type=other")["event"], "ignored")
        self.assertTrue(self.json(self.game(), "type=player_name", "user_id=7", "username=Ann")["names"])
        told = self.json(self.game(), "type=score", "user_id=7", "score=many", status=1)
        self.assertEqual((told["event"], told["reason"], told["effects"]), ("dead_letter", "score is not a number", []))
        self.fails(run("check", self.game(), "--json", "--event", "type"), 2, "name=value")

    def test_json_of_files(self):
        bad = self.write("bad.json", {"product_id": "bad", "colour": 1})
        out = run("check", "--json", self.game(), bad, self.dir / "none.json")
        self.assertEqual((out.returncode, out.stderr), (1, ""))
        good, wrong, none = json.loads(out.stdout)
        self.assertEqual(good, {"file": str(self.dir / "exrps.json"), "good": True, "problems": []})
        self.assertFalse(wrong["good"] or none["good"])
        self.assertTrue(any(problem.startswith("colour: ") for problem in wrong["problems"]), wrong)
        self.assertIn("No such file", none["problems"][0])

    def test_dead_letters(self):
        for fields, word in ((["type=score", "user_id=7", "score=many"], "score is not a number"),
                             (["type=score", "score=1"], "user_id is missing"),
                             (["type=game_over"], "game_id is missing"), (["a=1", "a=2"], "occurs twice"),
                             (["product_id=other"], "another than the file's"), (["product_id=-"], "malformed")):
            out = run("check", self.game(), "--event", *fields)
            self.assertEqual(out.returncode, 1)
            self.assertIn("dead letter: ", out.stderr)
            self.assertIn(word, out.stderr)
        self.assertEqual(run("check", self.game(), "--event", "type").returncode, 2)
        self.fails(run("check", self.dir / "none.json", "--event", "a=1"), 1, "none.json")


class Program(Case):
    def test_help_and_version(self):
        for args, word in ((["--help"], "varcadectl token"), (["--completion"], "complete "), (["--version"], "varcadectl 0.")):
            out = run(*args)
            self.assertEqual((out.returncode, out.stderr), (0, ""))
            self.assertIn(word, out.stdout)

    def test_help_of_several_commands(self):
        out = run("games", "--help")
        self.assertEqual((out.returncode, out.stderr), (0, ""))
        self.assertEqual([line.split()[2] for line in out.stdout.splitlines() if line.startswith("  varcadectl games ")],
                         ["list", "show", "end"])

    def test_usage(self):
        self.fails(run(), 2, "--help")
        self.fails(run("fly"), 2, "no such command")
        self.fails(run("check"), 2, "the arguments are FILE")
        self.fails(run("keys"), 2, "keys: no such command")
        self.fails(run("keys", "fly", "a"), 2, "keys fly: no such command")
        self.fails(run("fly", "--help"), 2, "fly: no such command")
        self.fails(run("keys", "add"), 2, "the arguments are PRODUCT")
        self.fails(run("keys", "add", "a", "b"), 2, "the arguments are PRODUCT")
        self.fails(run("keys", "add", "../x"), 2, "not a product's id")
        self.fails(run("keys", "list", "--colour", "red", "exrps"), 2, "colour")
        self.fails(run("keys", "list", "--limit", "1", "exrps"), 2, "limit")
        self.fails(run("keys", "rotate", "exrps", "--overlap", "8761"), 2, "--overlap")
        for args in (["exrps"], ["exrps", "1-0", "--all"], ["exrps", "x"]):
            self.fails(run("deadletters", "drop", *args), 2, "varcadectl: ")

    def test_redis_away(self):
        config = self.write("away.json", {"redis": {"state_url": f"unix:{self.dir}/none.sock"}})
        self.fails(run("keys", "list", "--config", config, "exrps"), 1, "none.sock", "No such file")

    def commands(self):
        lines = run("--help").stdout.splitlines()
        return [line.split() for line in lines if line.startswith("  varcadectl ")]

    def test_each_command_can_tell_in_json(self):
        for words in self.commands():
            self.assertIn("[--json]", words)

    def test_help_of_each_command(self):
        self.assertGreater(len(self.commands()), 5)
        for words in self.commands():
            name = [w for w in words[1:3] if w.isalpha() and w.islower()]
            out = run(*name, "--help")
            self.assertEqual((out.returncode, out.stderr), (0, ""))
            self.assertTrue(out.stdout.startswith("Usage: " + " ".join(words) + "\n"), out.stdout)

    def test_completion(self):
        script = self.write("completion", run("--completion").stdout)
        ask = '''. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _varcadectl; echo "${COMPREPLY[*]}"'''
        for words, expected in ((["k"], "keys"), (["keys", "r"], "rotate revoke"), (["keys", "rotate", "--o"], "--overlap"),
                                (["keys", "rotate", "--json", "--o"], "--overlap"), (["check", "--"], "--help --json --event"),
                                (["nothing", ""], "")):
            out = subprocess.run(["bash", "-c", ask, script, "varcadectl", *words], capture_output=True, text=True)
            self.assertEqual((out.stdout.strip(), out.stderr), (expected, ""), words)

    def test_full_disk(self):
        with open("/dev/full", "w") as full:
            out = subprocess.run([PROGRAM, "--help"], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(out.returncode, 1)
        self.assertIn("No space left", out.stderr)

    @unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed")
    def test_man_page(self):
        page = SRCDIR / "docs/varcadectl.1"
        out = subprocess.run(["mandoc", "-Tlint", "-Wwarning", page], capture_output=True, text=True)
        self.assertEqual((out.returncode, out.stdout), (0, ""))
        text = page.read_text()
        for words in self.commands():
            for word in words[1:]:
                word = word.strip("[]")
                if word[0] == "-":
                    self.assertIn("Fl " + word[1:] + " ", text.replace("\n", " "))
                elif word.islower():
                    self.assertIn(word, text)


if __name__ == "__main__":
    unittest.main()
