// A player: figures, places on the boards, the course of a rating, the last matches, and how it went
// against another one.

import { load, paths, poll } from "./api.js";
import { address, arrange, element, figure, link, setText, table } from "./dom.js";
import { drawCourse } from "./chart.js";
import { ago, dateTime, number, t } from "./text.js";

const PAUSE = 3000; // ms

// In the order of the game's file; what it no longer names comes last.
function statistics(product, stats) {
  const titles = new Map(Object.entries(product.stats).map(([name, stat]) => [name, stat.title]));
  const names = [...titles.keys(), ...Object.keys(stats).filter((name) => !titles.has(name))];
  return names.filter((name) => name in stats).map((name) => figure(titles.get(name) ?? name, number(stats[name])));
}

function places(product, player) {
  return product.boards
    .filter((board) => board.id in player.boards)
    .map((board) => {
      const place = player.boards[board.id];
      return figure(board.title, number(place.score), t("place", { rank: place.rank, total: place.total }));
    });
}

function ratings(product, player) {
  return product.boards
    .filter((board) => board.id in player.ratings)
    .map((board) => {
      const rating = player.ratings[board.id];
      const value = rating.rating ?? player.boards[board.id]?.score ?? rating.mu;
      const doubt = rating.deviation ?? rating.sigma;
      const notes = [doubt === undefined ? undefined : t("deviation", { deviation: number(doubt) }),
        t("matches-played", { count: rating.matches })];
      return figure(board.title, number(value), notes.filter((note) => note !== undefined).join(" · "));
    });
}

function section(title, node) {
  return element("section", {}, element("h2", {}, title), node);
}

function figures(title, list) {
  return list.length > 0 ? section(title, element("dl", { class: "stats" }, ...list)) : undefined;
}

// The names of players, as far as the boards know them.
async function namesOf(product, users) {
  const names = new Map();
  if (users.length === 0) return names;
  for (const board of product.boards) {
    const missing = users.filter((user) => !names.has(user) && !user.includes(","));
    if (missing.length === 0) break;
    const page = await load(paths.board(product.product_id, board.id, { ids: missing.slice(0, 100).join() })).catch(() => undefined);
    for (const entry of page?.entries ?? []) if (entry.username !== null) names.set(entry.user_id, entry.username);
  }
  return names;
}

function opponents(player, match) {
  return match.placements.filter((team) => !team.includes(player.user_id)).flat();
}

// The last matches, each row kept as long as its match is there: so what has the focus keeps it.
function matchTable(product, user) {
  const body = element("tbody");
  const headings = [["result", undefined], ["against", undefined], ["when", "number"]];
  let rows = new Map();

  function makeRow(match, others) {
    const links = others.map((other) => link(address(product.product_id, ["player", user], { versus: other }), ""));
    const against = links.flatMap((one, i) => (i > 0 ? [", ", one] : [one]));
    const time = element("time", { datetime: match.at, title: dateTime(match.at) });
    const row = element(
      "tr",
      {},
      element("td", { class: `result ${match.result}` }, t(match.result)),
      element("td", {}, ...against),
      element("td", { class: "number" }, time),
    );
    return { row, links, time };
  }

  return {
    node: element("div", { class: "card" }, table(t("matches"), headings, body)),
    show(player, names) {
      const before = rows;
      rows = new Map();
      for (const match of player.matches) {
        let key = `${match.at} ${match.game_id} ${match.placements}`;
        while (rows.has(key)) key += " again"; // what is sent at once has the same time, whatever it tells
        const others = opponents(player, match);
        const kept = before.get(key) ?? makeRow(match, others);
        kept.links.forEach((one, i) => setText(one, names.get(others[i]) ?? others[i]));
        setText(kept.time, ago(match.at));
        rows.set(key, kept);
      }
      arrange(body, [...rows.values()].map((kept) => kept.row));
    },
  };
}

function headToHead(product, player, names) {
  const record = player.head_to_head;
  if (record.user_id === undefined) return undefined;
  const name = record.username ?? names.get(record.user_id) ?? record.user_id;
  return section(t("versus", { name }), element("p", { class: "card record" }, t("versus-record", record)));
}

// Shows a player in `into`; `place.versus` is whom to compare with. Returns the function that ends it.
export function showPlayer(into, product, user, place, status) {
  const rated = product.boards.find((board) => board.rating);
  const name = element("h1", {}, user);
  const box = element("div", { class: "parts" });
  const chart = drawCourse();
  const matches = matchTable(product, user);
  const back = link(address(product.product_id), t("back", { title: product.title }));
  let shown = 0;

  async function show(player) {
    const turn = ++shown;
    const names = await namesOf(product, [...new Set(player.matches.flatMap((match) => opponents(player, match)))]);
    if (turn !== shown) return; // a later answer overtook this one
    if (!box.isConnected) into.show(element("p", {}, back), name, box);
    setText(name, player.username ?? user);
    into.title(player.username ?? user);
    matches.show(player, names);
    const parts = [
      figures(t("statistics"), statistics(product, player.stats)),
      figures(t("places"), places(product, player)),
      figures(t("rating"), ratings(product, player)),
      player.history?.length > 1 ? chart.node : undefined,
      headToHead(product, player, names),
      player.matches.length > 0 ? matches.node : undefined,
    ].filter((part) => part !== undefined);
    arrange(box, parts.length > 0 ? parts : [element("p", { class: "empty card" }, t("no-figures"))]);
    if (player.history?.length > 1) chart.show(rated.title, player.history);
  }

  const stop = poll(
    paths.player(product.product_id, user, { history: rated?.id, versus: place.versus }),
    PAUSE,
    (player) => {
      status.here();
      if (player !== undefined) show(player);
    },
    status.away,
  );
  return () => {
    shown++;
    stop();
    chart.stop();
  };
}
