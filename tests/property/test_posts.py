"""Broken and strange events over HTTP: what would not be an event in the stream is refused, and all that comes with it;
what is accepted counts as if the game server had written it there."""
import json
import math
import time

import generate
import mutate
from compare import check_all
from model import NUMBER, Model, form_problems, is_utf8
from setting import Setting
from test_histories import good_games, play


def as_json(r, data):
    """A string of these bytes. Where they are not UTF-8 they stand in it as they are."""
    if is_utf8(data):
        return json.dumps(data.decode(), ensure_ascii=r.random() < 0.5).encode()
    return b'"' + b"".join(b"\\u%04x" % c if c < 32 or c in b'"\\' else bytes([c]) for c in data) + b'"'


def is_finite(data):
    """A number that JSON can have: one that no double is near to is refused as it stands, and taken as a string."""
    return len(data) <= 400 and NUMBER.match(data) and math.isfinite(float(data))


def render(r, pairs):
    members = []
    for name, value in pairs:
        bare = r.random() < 0.5 and (value in (b"true", b"false") or is_finite(value))
        members.append(as_json(r, name) + b": " + (value if bare else as_json(r, value)))
    return b"{" + b", ".join(members) + b"}"


def is_accepted(product, pairs):
    return not form_problems(pairs) and dict(pairs)[b"product_id"] == product.encode() \
        and not any(name.startswith(b"varcade_") or b"\0" in name + value for name, value in pairs)


def test_posts(rounds, tmp_path):
    for r in rounds(1):
        now = int(time.time() * 1000)
        games = good_games(r, tmp_path, now)
        models = {product: Model(game) for product, game in games.items()}
        users = {product: generate.USERS[:8] for product in games}
        made, refused = [], 0
        with Setting(games) as setting:
            keys = {product: setting.ctl("keys", "add", "--config", setting.dir / "varcade.json", product).strip()
                    for product in games}
            setting.start_worker()
            for _ in range(300):
                product = r.choice(list(games))
                events = [mutate.event(r, product, users[product], False) if r.random() < 0.6
                          else generate.event(r, product, users[product], False) for _ in range(r.choice([1, 1, 2, 5]))]
                if sum(len(part) for pairs in events for pair in pairs for part in pair) > 150000:
                    continue  # escaped it may be more than a body can have
                texts = [render(r, pairs) for pairs in events]
                body = b"\n".join(texts) if r.random() < 0.5 else b"[" + b",\n".join(texts) + b"]"
                for pairs in events:
                    if b"product_id" not in dict(pairs):
                        pairs.append((b"product_id", product.encode()))
                status, answer = setting.post(product, keys[product], body)
                good = [is_accepted(product, pairs) for pairs in events]
                assert status == (202 if all(good) else 400), (good, body[:2000], answer)
                if status == 202:
                    made += [(tuple(map(int, at.split("-"))), pairs) for at, pairs in zip(answer["ids"], events, strict=True)]
                else:
                    refused += 1
                    which = f"events[{good.index(False)}]"
                    assert answer["detail"].startswith(which) or not all(is_utf8(text) for text in texts), (answer, body)
            assert 60 < refused < 240, refused  # enough of both
            play(models, made)
            for product, model in models.items():
                setting.settle(product)
                model.counts["applied"] += 1
                setting.await_events(product, model.counts)
            assert setting.letters("?") == []
            for product, model in models.items():
                users[product] = sorted({*users[product], *model.stats, *model.names, *model.matches})
            check_all(setting, models, users, r)
            setting.stop_worker()
