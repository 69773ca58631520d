// One board for a frame in another page, or for a stream's overlay:
// embed.html?product=exrps&board=wins&limit=5, and if you like &window=daily, &user=7, &lang=de,
// &theme=dark or light, and &background=none.

import { paths, poll } from "./api.js";
import { element } from "./dom.js";
import { boardTable } from "./table.js";
import { loadTexts, t } from "./text.js";

const FRESH = 500; // ms between two looks

const main = document.querySelector("#main");
const wanted = new URLSearchParams(location.search);
const limit = Math.min(25, Math.max(1, Math.trunc(Number(wanted.get("limit"))) || 10));

function say(text) {
  main.replaceChildren(element("p", { class: "empty" }, text));
  main.setAttribute("aria-busy", "false");
}

function name(entry) {
  return element("span", {}, entry.username ?? entry.user_id);
}

async function titleOf(product, board) {
  const answer = await fetch(paths.products());
  const products = answer.ok ? await answer.json() : [];
  const boards = products.find((p) => p.product_id === product)?.boards ?? [];
  return boards.find((b) => b.id === board)?.title ?? board;
}

async function start() {
  const product = wanted.get("product");
  const board = wanted.get("board");
  if (["dark", "light"].includes(wanted.get("theme"))) document.documentElement.dataset.theme = wanted.get("theme");
  if (wanted.get("background") === "none") document.body.classList.add("clear");
  await loadTexts();
  if (!product || !board) {
    say("embed.html?product=…&board=…&limit=10");
    return;
  }
  const title = await titleOf(product, board).catch(() => board);
  const heading = element("h1", { class: "spoken" }, title);
  const rows = boardTable(title, name, wanted.get("user") ?? undefined);
  document.title = title;
  poll(
    paths.board(product, board, { window: wanted.get("window") ?? undefined }),
    FRESH,
    (page) => {
      main.classList.remove("stale");
      if (page === undefined) return;
      rows.show(page.entries.slice(0, limit));
      if (page.entries.length === 0) say(t("board-empty"));
      else if (!rows.node.isConnected) main.replaceChildren(heading, rows.node);
      main.setAttribute("aria-busy", "false");
    },
    (error, age) => {
      if (age === undefined) say(error.status < 500 ? error.message : t("away"));
      else main.classList.add("stale");
    },
  );
}

start();
