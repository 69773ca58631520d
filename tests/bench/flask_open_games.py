"""open_games as it would be written with Flask and redis-py: the yardstick of bench.py.

The same two reads as varcade's (a range of the sorted set, then the objects), the same checks of the
parameters, the same answer. Run by gunicorn.
"""
import os

import redis
from flask import Flask, Response, request

app = Flask(__name__)
store = redis.Redis(unix_socket_path=os.environ["BENCH_REDIS"])
PRODUCTS = {"exrps", "arena"}


@app.get("/game_lobby/<product>/open_games")
def open_games(product):
    if product not in PRODUCTS:
        return {"title": "Bad Request", "status": 400, "detail": "Invalid product ID"}, 400
    try:
        count = int(request.args.get("count", 10))
        page = int(request.args.get("page", 0))
    except ValueError:
        return {"title": "Bad Request", "status": 400, "detail": "count and page are integers"}, 400
    if count < 0 or page < 0:
        return {"title": "Bad Request", "status": 400, "detail": "count and page are not negative"}, 400
    count = min(count, 25)
    ids = store.zrange(f"{{{product}}}:lobby", page * count, page * count + count - 1) if count else []
    games = store.hmget(f"{{{product}}}:public", ids) if ids else []
    return Response(b"[" + b",".join(g for g in games if g) + b"]", mimetype="application/json")
