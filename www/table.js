// The rows of a board, kept from one refresh to the next: what changed is seen, and what has the focus
// keeps it. The page and the embedded board both show this.

import { arrange, element, setText, spoken, table } from "./dom.js";
import { number, t } from "./text.js";

const HEADINGS = [
  ["rank", "number"],
  ["movement", "movement"],
  ["player", undefined],
  ["score", "number"],
];

// name(entry): what stands in a player's cell, made once a row. `own`: the id of whoever looks at it.
export function boardTable(title, name, own) {
  const body = element("tbody");
  const whole = table(title, HEADINGS, body);
  let rows = new Map();

  function cell(entry) {
    return [name(entry), ...(entry.user_id === own ? [" ", element("small", {}, t("you"))] : [])];
  }

  function makeRow(entry) {
    const rank = element("td", { class: "number rank" });
    const movement = element("td", { class: "movement" });
    const player = element("th", { scope: "row" }, ...cell(entry));
    const score = element("td", { class: "number" });
    const row = element("tr", { "data-user": entry.user_id, class: entry.user_id === own ? "own" : undefined });
    row.append(rank, movement, player, score);
    return { row, rank, movement, player, score, entry };
  }

  function moved(cell, old, entry) {
    const places = old === undefined ? 0 : old.rank - entry.rank;
    if (old !== undefined && places === 0) return;
    const key = old === undefined ? "new" : places > 0 ? "up" : "down";
    const sign = { new: "•", up: `▲${number(places)}`, down: `▼${number(-places)}` }[key];
    cell.replaceChildren(element("span", { "aria-hidden": "true" }, sign), spoken(t(key, { count: Math.abs(places) })));
    cell.className = `movement ${key}`;
  }

  function show(entries) {
    const before = rows;
    const first = before.size === 0;
    rows = new Map();
    for (const entry of entries) {
      const old = before.get(entry.user_id);
      const kept = old ?? makeRow(entry);
      if (old !== undefined && old.entry.username !== entry.username) kept.player.replaceChildren(...cell(entry));
      if (old === undefined || old.entry.rank !== entry.rank) {
        setText(kept.rank, number(entry.rank));
        kept.rank.classList.toggle("leading", entry.rank <= 3);
        kept.movement.replaceChildren();
        if (!first) moved(kept.movement, old?.entry, entry);
      }
      setText(kept.score, number(entry.score));
      if (!first && old?.entry.score !== entry.score) {
        kept.row.classList.remove("changed");
        void kept.row.offsetWidth; // so that the animation begins anew
        kept.row.classList.add("changed");
      }
      kept.entry = entry;
      rows.set(entry.user_id, kept);
    }
    arrange(body, [...rows.values()].map((kept) => kept.row));
  }

  return { node: whole, show };
}
