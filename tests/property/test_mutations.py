"""Events that are broken or strange: none stops the worker or has an effect that it should not have, and each that
does not fit is a dead letter with a reason."""
import time

import generate
import mutate
from compare import check_all, check_letters
from model import VERDICT, Model, form_problems, product_of
from setting import Setting
from test_histories import good_games, write


class Unknown:
    """Events of no product that there is: all of them are dead letters."""

    def __init__(self):
        self.letters = []

    def take(self, pairs, at):
        self.letters.append((at, {"unknown product"} if product_of(pairs) else form_problems(pairs)))


def check_fields(setting, models, made):
    """A dead letter has the fields as they came; of an event that is too large, the first part of them."""
    sent = {f"{ms}-{seq}": pairs for (ms, seq), pairs in made}
    for product in models:
        for letter in setting.letters(product):
            pairs = sent[letter["source_id"]]
            if VERDICT in dict(pairs):
                continue  # that one is put behind the others
            pairs = pairs[:64]
            assert len(letter["fields"]) == len(pairs), letter["source_id"]
            for told, pair in zip(letter["fields"], pairs):
                for text, data in zip(told, pair):
                    try:
                        assert text == data[:65536].decode(), letter["source_id"]
                    except UnicodeDecodeError:
                        assert "\ufffd" in text, letter["source_id"]


def test_mutations(rounds, tmp_path):
    for r in rounds(1):
        now = int(time.time() * 1000)
        games = good_games(r, tmp_path, now)
        models = {product: Model(game) for product, game in games.items()}
        models["?"] = Unknown()
        users = {product: generate.USERS[:8] for product in games}
        made = []
        for i, at in enumerate(generate.times(r, 1500, games, now)):
            product = r.choice(list(games))
            made.append((at, mutate.event(r, product, users[product], i % 50 == 0)))
        for at, pairs in made:
            models.get(product_of(pairs), models["?"]).take(pairs, at)
        with Setting(games, batch_max=r.choice([1, 16, 4096])) as setting:
            write(setting, made)
            setting.start_worker()
            for product in games:
                setting.settle(product)
                models[product].counts["applied"] += 1
                setting.await_events(product, models[product].counts)
            unknown = models["?"]
            setting.await_events("?", {"dead_letter": len(unknown.letters)})
            check_letters(setting, unknown, "?")
            check_fields(setting, models, made)
            del models["?"]
            # Those whom only a mutated event names are looked at too.
            for product, model in models.items():
                users[product] = sorted({*users[product], *model.stats, *model.names, *model.matches})
            check_all(setting, models, users, r)
            setting.stop_worker()
            worse = sum(len(model.letters) for model in models.values()) + len(unknown.letters)
            assert len(made) // 4 < worse < len(made), worse  # of both kinds there are enough
