// Submits a score and shows the board: node score.mjs URL KEY PRODUCT BOARD PLAYER SCORE
// KEY is made by `varcadectl keys add PRODUCT` and belongs on a game server, never in a player's client.
import { randomUUID } from "node:crypto";

const [url, key, product, board, player, score] = process.argv.slice(2);

async function ask(path, settings) {
  const answer = await fetch(url + path, { signal: AbortSignal.timeout(10000), ...settings });
  const body = await answer.json();
  if (!answer.ok) throw new Error(`${answer.status}: ${body.detail}`);
  return body;
}

// The same event_id sent twice counts once, so a request whose fate is not known can be sent again.
const { ids } = await ask(`/events/${product}`, {
  method: "POST",
  headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
  body: JSON.stringify([{ type: "score", user_id: player, score: Number(score), event_id: randomUUID() }]),
});
console.error("in the stream:", ids);

const { entries } = await ask(`/leaderboards/${product}/${board}?limit=10`);
for (const entry of entries) console.log(entry.rank, entry.username ?? entry.user_id, entry.score);
