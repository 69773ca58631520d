"""Random histories of events for random games, compared with a model in every figure that can be read."""
import json
import subprocess
import time

import generate
from compare import check_all
from model import Model
from setting import BUILD, STREAM, Setting

PRODUCTS = ["tanks", "A_b-9", "p" * 64, "0", "all", "_"]


def good_games(r, folder, now):
    """Random games that varcadectl check has nothing against: rules that contradict each other are taken out."""
    games = {product: generate.game(r, product, now) for product in PRODUCTS}
    while True:
        paths = []
        for product, game in games.items():
            paths.append(folder / f"{product}.json")
            paths[-1].write_text(json.dumps(game))
        done = subprocess.run([str(BUILD / "worker/varcadectl"), "check", *map(str, paths)], capture_output=True, text=True)
        problems = {}
        for line in done.stderr.splitlines():
            path, problem = line.split(": ", 1)
            problems.setdefault(path, problem)
        if not problems:
            assert done.returncode == 0, done.stderr
            return games
        for path, problem in problems.items():
            product = path.rsplit("/", 1)[1][:-len(".json")]
            games[product] = generate.without(games[product], problem)


def play(models, made):
    for at, pairs in made:
        models[dict(pairs)[b"product_id"].decode()].take(pairs, at)


def write(setting, made):
    pipe = setting.redis.pipeline(transaction=False)
    for (ms, seq), pairs in made:
        pipe.execute_command("XADD", STREAM, f"{ms}-{seq}", *[part for pair in pairs for part in pair])
    pipe.execute()


def judge(r, setting, models):
    """Let some of the events in quarantine through, and drop some. What that comes to is said in the stream."""
    mark = setting.redis.xadd(STREAM, {"product_id": PRODUCTS[0]}).decode()
    for product, model in models.items():
        some = r.sample(sorted(model.held), len(model.held) * 2 // 3)
        for verdict, ids in ("release", some[::2]), ("drop", some[1::2]):
            if ids:
                setting.ctl("quarantine", verdict, "--config", setting.dir / "varcade.json", product,
                            *[f"{ms}-{seq}" for ms, seq in ids])
    for product in models:
        setting.settle(product)
    play(models, setting.entries(mark))


def test_histories(rounds, tmp_path):
    """Whatever the rules, boards and windows are: what is read is what the model says."""
    for r in rounds(2):
        now = int(time.time() * 1000)
        games = good_games(r, tmp_path, now)
        made, users = generate.history(r, games, 1500, now)
        models = {product: Model(game) for product, game in games.items()}
        play(models, made)
        with Setting(games, batch_max=r.choice([1, 7, 64, 4096])) as setting:
            write(setting, made)
            setting.start_worker()
            for product, model in models.items():
                setting.settle(product)
                model.counts["applied"] += 1  # the name by which that was seen
                setting.await_events(product, model.counts)
            judge(r, setting, models)
            check_all(setting, models, users, r)
            setting.stop_worker()
