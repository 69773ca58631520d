"""The same histories while everything goes wrong: nothing may change.

Two workers are at once killed, stopped for longer than a lease lasts, cut off from Redis with an answer on its way, kept
waiting by it for longer than they wait; and every event that has an event_id may come again.
"""
import signal
import time

import generate
from compare import check_all
from model import Model
from setting import Setting, wait_for
from test_histories import good_games, play, write

FIGURES = ("stats", "boards", "ratings", "history", "matches", "versus", "names", "held")
DAY = 86400000


def sent_again(r, games, made, until):
    """The history with copies of events that counted, each within a day of the first."""
    models = {product: Model(game) for product, game in games.items()}
    copies = []
    for at, pairs in made:
        model = models[dict(pairs)[b"product_id"].decode()]
        before = model.counts["dead_letter"] + model.counts["duplicate"]
        model.take(pairs, at)
        counted = model.counts["dead_letter"] + model.counts["duplicate"] == before
        if counted and b"event_id" in dict(pairs):
            for _ in range(r.choice([0, 1, 1, 3])):
                copies.append((min(until, at[0] + r.choice([0, 1, 1000, DAY - 1, r.randint(0, DAY - 1)])), pairs))
    return generate.merge(made, copies)


def break_something(r, setting):
    """Leaves both workers running."""
    which = r.randrange(2)
    what = r.choice(["kill", "kill", "kill both", "end", "stop", "stop", "stop", "cut", "wait"])
    if what == "stop":  # its lease runs out, and then it goes on with the batch that it had begun
        setting.workers[which].send_signal(signal.SIGSTOP)
        time.sleep(r.uniform(0.15, 0.3))
        setting.workers[which].send_signal(signal.SIGCONT)
    elif what == "cut":
        setting.redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    elif what == "wait":  # what it has been sent is done behind its back
        setting.redis.execute_command("DEBUG", "SLEEP", "0.12")
    else:
        for worker in (0, 1) if what == "kill both" else (which,):
            setting.stop_worker(worker, signal.SIGTERM if what == "end" else signal.SIGKILL)
            setting.start_worker(worker)
    return what


def hide_or_unhide(setting, product, user, model):
    """Whoever is hidden goes on being counted."""
    change = "unhide" if user in model.hidden else "hide"
    setting.ctl(change, "--config", setting.dir / "varcade.json", "--", product, user)
    model.hidden ^= {user}


def test_faults_change_nothing(rounds, tmp_path):
    for r in rounds(2):
        now = int(time.time() * 1000)
        games = good_games(r, tmp_path, now)
        plain, users = generate.history(r, games, 1500, now)
        made = sent_again(r, games, plain, now - 5000)
        without, models = ({product: Model(game) for product, game in games.items()} for _ in range(2))
        play(without, plain)
        play(models, made)
        for product, model in models.items():
            for figures in FIGURES:
                assert getattr(model, figures) == getattr(without[product], figures), (product, figures)
        with Setting(games, batch_max=r.choice([1, 4, 16]), command_timeout_ms=60) as setting:
            setting.start_worker(0)
            setting.start_worker(1)
            done = {}
            while made:
                part = r.randint(1, 150)
                write(setting, made[:part])
                made = made[part:]
                time.sleep(r.choice([0, 0.001, 0.003, r.uniform(0, 0.03)]))
                if r.random() < 0.5:
                    product = r.choice(list(games))
                    hide_or_unhide(setting, product, r.choice(users[product]), models[product])
                what = break_something(r, setting)
                done[what] = done.get(what, 0) + 1
            print(done)
            wait_for(lambda: setting.fcgi.request("/readyz")[0] == 200, what="everything to be connected again")
            for product in models:
                setting.settle(product)
            check_all(setting, models, users, r)
            setting.stop_worker(0)
            setting.stop_worker(1)
