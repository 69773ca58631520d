// A board: its periods, its pages, who is on it, and where you are.

import { account, site } from "./account.js";
import { load, paths, poll, Problem } from "./api.js";
import { address, arrange, element, link, setText, tab, tabs } from "./dom.js";
import { openGames } from "./games.js";
import { searchForm } from "./search.js";
import { boardTable } from "./table.js";
import { date, number, said, t } from "./text.js";

const PAGE = 25; // a snapshot's length
const FRESH = 500; // ms between two looks at what is going on now
const CALM = 5000; // ms, where nothing moves fast: a past period, the place of a player
const PAGES_MAX = 1e9;
const ALL = 100; // percent: nobody is ahead of all who are on a board, whatever it is rounded to
const INSTANT = 1; // ms; so long before a period's beginning is in the one before

export function heading(product) {
  const waiting = product.players_in_lobby;
  const playing = product.players_in_game;
  return element(
    "div",
    { class: "heading" },
    element("div", {}, element("h1", {}, product.title), element("p", { class: "facts" }, t("playing", { playing, waiting }))),
  );
}

// The same, with the way to the lobby for who can go there.
function headingWithLobby(product) {
  const whole = heading(product);
  const text = account() !== undefined ? t("play") : site.sign_in !== null ? t("sign-in-to-play") : undefined;
  if (text !== undefined) whole.append(link(address(product.product_id, ["play"]), text, { class: "button" }));
  return whole;
}

// The product's boards to choose from, where there is a choice.
function boardTabs(product, shown) {
  if (product.boards.length < 2) return [];
  const links = product.boards.map((board) =>
    tab(address(product.product_id, ["board", board.id]), board.title, board === shown),
  );
  return [tabs(t("boards"), links)];
}

function windowTabs(product, board, window) {
  if (board.windows.length < 2) return [];
  const links = board.windows.map((kind) =>
    tab(address(product.product_id, ["board", board.id], { window: kind }), t(`window-${kind}`), kind === window),
  );
  return [tabs(t("windows"), links)];
}

// Whether the period that was asked for is over.
function isPast(at, page) {
  return at !== undefined && page.ends !== null && new Date(page.ends) <= new Date();
}

// What period this is, and the way to the one before and the one after.
function periodLine(product, board, window, at, page) {
  if (page.starts === null) return [];
  const to = (moment) => address(product.product_id, ["board", board.id], { window, at: moment });
  const before = new Date(new Date(page.starts) - INSTANT).toISOString();
  const from = date(page.starts, board.timezone);
  const until = date(new Date(page.ends) - INSTANT, board.timezone);
  return [
    element("span", {}, from === until ? from : t("span", { from, to: until })),
    link(to(before), t("earlier"), { rel: "prev" }),
    isPast(at, page) ? link(to(page.ends), t("later"), { rel: "next" }) : undefined,
    at !== undefined ? link(to(undefined), t("now")) : undefined,
  ].filter((part) => part !== undefined);
}

function lastPage(page) {
  return Math.max(0, Math.ceil(page.total / PAGE) - 1);
}

function pageLine(product, board, settings, offset, page) {
  if (page.total <= PAGE && offset === 0) return [];
  const to = (n) =>
    address(product.product_id, ["board", board.id], { ...settings, page: n > 0 ? n : undefined });
  const here = offset / PAGE;
  const last = lastPage(page);
  return [
    here > 0 ? link(to(Math.min(here - 1, last)), t("previous"), { rel: "prev" }) : undefined,
    element(
      "span",
      {},
      t("shown", { first: Math.min(offset + 1, page.total), last: Math.min(offset + PAGE, page.total), total: page.total }),
    ),
    here < last ? link(to(here + 1), t("next"), { rel: "next" }) : undefined,
  ].filter((part) => part !== undefined);
}

// Your place, under the board: it is asked for when the board has changed, and not more often than every second.
function ownPlace(product, board, settings, own) {
  const box = element("p", { class: "own-place", hidden: true });
  let asked = 0;

  async function refresh() {
    if (own === undefined || own.includes(",") || Date.now() - asked < 1000) return;
    asked = Date.now();
    try {
      const among = await load(paths.board(product.product_id, board.id, { ...settings, ids: own }));
      if (among.entries.length === 0) {
        const me = account();
        show(element("strong", {}, me?.user_id === own ? me.username : own), element("span", {}, t("not-on-board")));
        return;
      }
      const place = await load(paths.place(product.product_id, board.id, own, { ...settings, around: 0 }));
      const next = place.to_next === null ? t("leader") : t("to-next", { points: number(place.to_next) });
      show(
        element("strong", {}, link(address(product.product_id, ["player", own]), place.username ?? own)),
        element("span", {}, t("place", { rank: place.rank, total: place.total })),
        place.percentile > 0 ? element("span", {}, t("top", { percentile: Math.min(place.percentile, ALL - 1) })) : "",
        element("span", {}, next),
      );
    } catch {
      // Away: what was shown stays.
    }
  }

  function show(...children) {
    box.replaceChildren(...children);
    box.hidden = false;
  }

  return { node: box, refresh };
}

// Shows a board of the product in `into`; `place` has window, at and page as they stand in the address, and
// `own` is the id of whoever looks at it. Returns the function that ends it.
export function showBoard(into, product, board, place, own, status) {
  const window = board.windows.includes(place.window) ? place.window : board.windows[0];
  const offset = PAGE * Math.min(PAGES_MAX, Math.max(0, Math.trunc(Number(place.page)) || 0));
  // What the first one is goes without saying; so this is the snapshot's address.
  const settings = { window: window === board.windows[0] ? undefined : window, at: place.at };
  const rows = boardTable(board.title, (entry) => playerLink(product, entry), own);
  const empty = element("p", { class: "empty" });
  const card = element("section", { class: "card", "aria-label": board.title });
  const period = element("p", { class: "line" });
  const pages = element("nav", { class: "line", "aria-label": t("pages") });
  const mine = ownPlace(product, board, settings, own);
  const games = openGames(product);
  const whole = [
    headingWithLobby(product),
    element(
      "div",
      { class: "columns" },
      element(
        "div",
        {},
        ...boardTabs(product, board),
        ...windowTabs(product, board, window),
        period,
        card,
        pages,
        mine.node,
      ),
      element("aside", {}, searchForm(product), games.node),
    ),
  ];

  const stop = poll(
    paths.board(product.product_id, board.id, { ...settings, ...(offset > 0 ? { limit: PAGE, offset } : {}) }),
    place.at === undefined ? FRESH : CALM,
    (page) => {
      status.here();
      if (page === undefined) return;
      if (offset / PAGE > lastPage(page)) {
        // There were more, or somebody has counted wrongly.
        location.replace(address(product.product_id, ["board", board.id], { ...settings, page: lastPage(page) || undefined }));
        return;
      }
      if (!card.isConnected) into.show(...whole);
      rows.show(page.entries);
      setText(empty, t(isPast(place.at, page) ? "board-empty-past" : "board-empty"));
      arrange(card, [page.entries.length > 0 ? rows.node : empty]);
      replaceLine(period, periodLine(product, board, window, place.at, page));
      replaceLine(pages, pageLine(product, board, { ...settings, window }, offset, page));
      mine.refresh();
    },
    (error, age) => {
      if (!(error instanceof Problem && error.lasting)) return status.away(error, age);
      // This cannot be shown, but other periods can.
      status.here();
      if (!card.isConnected) into.show(...whole);
      setText(empty, said(error));
      arrange(card, [empty]);
      replaceLine(period, place.at === undefined ? [] : [link(address(product.product_id, ["board", board.id], { window }), t("now"))]);
      replaceLine(pages, []);
    },
  );
  const again = setInterval(mine.refresh, CALM);
  return () => {
    stop();
    games.stop();
    clearInterval(again);
  };
}

// Puts other links into a line, where they are others; what has the focus stays where it is.
function replaceLine(line, parts) {
  const text = (nodes) => nodes.map((node) => node.outerHTML).join();
  if (text([...line.children]) !== text(parts)) line.replaceChildren(...parts);
  line.hidden = parts.length === 0;
}

function playerLink(product, entry) {
  return link(address(product.product_id, ["player", entry.user_id]), entry.username ?? entry.user_id);
}

// The figures in the heading, without drawing anything else again.
export function refreshHeading(product) {
  const facts = document.querySelector(".facts");
  if (facts) setText(facts, t("playing", { playing: product.players_in_game, waiting: product.players_in_lobby }));
}
