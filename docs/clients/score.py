"""Submits a score and shows the board: score.py URL KEY PRODUCT BOARD PLAYER SCORE

KEY is made by `varcadectl keys add PRODUCT` and belongs on a game server, never in a player's client.
"""
import json
import sys
import uuid
from urllib.request import Request, urlopen

url, key, product, board, player, score = sys.argv[1:]

# The same event_id sent twice counts once, so a request whose fate is not known can be sent again.
events = [{"type": "score", "user_id": player, "score": float(score), "event_id": str(uuid.uuid4())}]
request = Request(f"{url}/events/{product}", json.dumps(events).encode(),
                  {"Authorization": f"Bearer {key}", "Content-Type": "application/json"})
with urlopen(request, timeout=10) as answer:
    print("in the stream:", json.load(answer)["ids"], file=sys.stderr)

with urlopen(f"{url}/leaderboards/{product}/{board}?limit=10", timeout=10) as answer:
    for entry in json.load(answer)["entries"]:
        print(entry["rank"], entry["username"] or entry["user_id"], entry["score"])
