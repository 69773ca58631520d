// The leaderboard page: #/PRODUCT shows its first board, #/PRODUCT/board/BOARD another one, and
// #/PRODUCT/player/PLAYER a player's figures.

import { load, paths, poll, Problem } from "./api.js";

const main = document.querySelector("#main");
const nav = document.querySelector("#products");
const notice = document.querySelector("#notice");
const number = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

let products = [];
let stop = () => {};

// element("td", {class: "rank"}, "1", …): text is always text, never markup.
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function show(...children) {
  main.replaceChildren(...children);
  main.setAttribute("aria-busy", "false");
}

// Nothing is taken from the page while varcade is away: what was shown stays, with its age.
function away(error, age) {
  if (age === undefined) {
    const missing = error instanceof Problem && error.status < 500;
    show(element("p", { class: "problem" }, missing ? error.message : "The server cannot be reached. Trying again…"));
    return;
  }
  const seconds = Math.round(age / 1000);
  notice.textContent = `The server cannot be reached; this is ${seconds} s old.`;
  notice.hidden = false;
}

function here() {
  notice.hidden = true;
}

// link("exrps", [], …) to the product, link("exrps", ["player", id], …) to what is in it.
function link(product, tail, text) {
  return element("a", { href: "#/" + [product, ...tail].map(encodeURIComponent).join("/") }, text);
}

// What the address names: [product, "board" or "player", id], as far as it does.
function address() {
  return location.hash
    .replace(/^#\/?/, "")
    .split("/")
    .map((part) => {
      try {
        return decodeURIComponent(part);
      } catch {
        return part;
      }
    });
}

// --- a board -----------------------------------------------------------------------------------

function boardRow(product, entry, before) {
  const old = before.get(entry.user_id);
  const changed = before.size > 0 && (old === undefined || old.score !== entry.score || old.rank !== entry.rank);
  return element(
    "tr",
    { "data-user": entry.user_id, class: changed ? "changed" : undefined },
    element("td", { class: entry.rank <= 3 ? "number leading" : "number" }, number.format(entry.rank)),
    element("th", { scope: "row" }, link(product.product_id, ["player", entry.user_id], entry.username ?? entry.user_id)),
    element("td", { class: "number" }, number.format(entry.score)),
  );
}

function showBoard(product, board) {
  const body = element("tbody");
  const table = element(
    "table",
    {},
    element("caption", {}, board.title),
    element(
      "thead",
      {},
      element(
        "tr",
        {},
        element("th", { class: "number", scope: "col" }, "Rank"),
        element("th", { scope: "col" }, "Player"),
        element("th", { class: "number", scope: "col" }, "Score"),
      ),
    ),
    body,
  );
  const empty = element("p", { class: "empty" }, "Nobody is on this board yet. The first match will be.");
  const card = element("section", { class: "card", "aria-label": board.title });
  let before = new Map();

  return poll(
    paths.board(product.product_id, board.id),
    1000,
    (page) => {
      here();
      if (page === undefined) return;
      if (!card.isConnected) show(...heading(product), ...boards(product, board), card);
      const entries = page.entries.slice(0, 10);
      body.replaceChildren(...entries.map((entry) => boardRow(product, entry, before)));
      before = new Map(entries.map((entry) => [entry.user_id, entry]));
      card.replaceChildren(entries.length > 0 ? table : empty);
    },
    away,
  );
}

// The product's boards to choose from, where there is a choice.
function boards(product, shown) {
  if (product.boards.length < 2) return [];
  const tabs = product.boards.map((board) => {
    const tab = link(product.product_id, ["board", board.id], board.title);
    if (board === shown) tab.setAttribute("aria-current", "page");
    return tab;
  });
  return [element("nav", { class: "boards", "aria-label": "Boards" }, ...tabs)];
}

function heading(product) {
  const waiting = product.players_in_lobby;
  const playing = product.players_in_game;
  return [
    element("h1", {}, product.title),
    element("p", { class: "facts" }, `${number.format(playing)} playing, ${number.format(waiting)} waiting for an opponent`),
  ];
}

// --- a player ----------------------------------------------------------------------------------

function showPlayer(product, user) {
  const titles = new Map(Object.entries(product.stats).map(([name, stat]) => [name, stat.title]));
  const list = element("dl", { class: "stats" });
  const empty = element("p", { class: "empty card" }, "No figures of this player yet.");
  const box = element("div");
  const name = element("h1", {}, user);
  // Names stand on the boards; whoever is on no first page goes by the id.
  for (const board of product.boards) {
    load(paths.board(product.product_id, board.id))
      .then((page) => page.entries.find((entry) => entry.user_id === user)?.username)
      .then((known) => known && name.replaceChildren(known))
      .catch(() => {});
  }

  return poll(
    paths.stats(product.product_id, user),
    3000,
    (stats) => {
      here();
      if (stats === undefined) return;
      if (!box.isConnected) {
        show(element("p", {}, link(product.product_id, [], `← ${product.title}`)), name, box);
      }
      // In the order of the game's file; what it no longer names comes last.
      const names = [...titles.keys(), ...Object.keys(stats).filter((name) => !titles.has(name))];
      list.replaceChildren(
        ...names
          .filter((name) => name in stats)
          .map((name) =>
            element("div", {}, element("dt", {}, titles.get(name) ?? name), element("dd", {}, number.format(stats[name]))),
          ),
      );
      box.replaceChildren(list.childElementCount > 0 ? list : empty);
    },
    away,
  );
}

// --- where one is ------------------------------------------------------------------------------

function route() {
  stop();
  notice.hidden = true;
  const [id, kind, named] = address();
  const user = kind === "player" ? named : undefined;
  const product = products.find((p) => p.product_id === id) ?? products[0];
  nav.replaceChildren(
    ...products.map((p) => {
      const item = link(p.product_id, [], p.title);
      if (p === product) item.setAttribute("aria-current", "page");
      return item;
    }),
  );
  nav.hidden = products.length < 2;
  document.title = product === undefined ? "Leaderboards" : `${user ?? product.title} · Leaderboards`;
  if (product === undefined) {
    show(element("p", { class: "empty" }, "No games are set up here yet."));
    stop = () => {};
    return;
  }
  main.setAttribute("aria-busy", "true");
  main.replaceChildren(element("p", { class: "loading" }, "Loading…"));
  const board = (kind === "board" && product.boards.find((b) => b.id === named)) || product.boards[0];
  if (user) {
    stop = showPlayer(product, user);
  } else if (board) {
    stop = showBoard(product, board);
  } else {
    show(...heading(product), element("p", { class: "empty card" }, "This game has no leaderboard."));
    stop = () => {};
  }
}

// The figures in the heading, kept fresh without drawing anything else again.
async function refreshProducts() {
  if (document.hidden) return;
  try {
    products = await load(paths.products());
    const facts = main.querySelector(".facts");
    const [id] = address();
    const product = products.find((p) => p.product_id === id) ?? products[0];
    if (facts && product) facts.replaceWith(heading(product)[1]);
  } catch {
    // The board's own polling tells that the server is away.
  }
}

async function start() {
  try {
    products = await load(paths.products());
  } catch (error) {
    away(error);
    setTimeout(start, 2000);
    return;
  }
  addEventListener("hashchange", () => {
    route();
    main.focus({ preventScroll: true });
  });
  setInterval(refreshProducts, 5000);
  route();
}

start();
