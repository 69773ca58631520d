#!/bin/sh
# Submits a score and shows the board: score.sh URL KEY PRODUCT BOARD PLAYER SCORE
# KEY is made by `varcadectl keys add PRODUCT` and belongs on a game server, never in a player's client.
set -eu
url=$1 key=$2 product=$3 board=$4 player=$5 score=$6

# The same event_id sent twice counts once, so a request whose fate is not known can be sent again.
curl -fsS --retry 5 "$url/events/$product" -H "Authorization: Bearer $key" -H "Content-Type: application/json" \
    --data-binary "[{\"type\": \"score\", \"user_id\": \"$player\", \"score\": $score, \"event_id\": \"$(cat /proc/sys/kernel/random/uuid)\"}]" >&2

curl -fsS "$url/leaderboards/$product/$board?limit=10"
