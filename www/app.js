// The leaderboard page. Where one is stands in the address: #/PRODUCT shows its first board,
// #/PRODUCT/board/BOARD?window=&at=&page= another one, #/PRODUCT/player/PLAYER?versus= a player,
// #/PRODUCT/play the lobby. ?user=PLAYER before the # says who looks at it (else it is who is signed in), ?lang=LANGUAGE how it speaks.

import { account, loadSite } from "./account.js";
import { load, paths, Problem } from "./api.js";
import { heading, refreshHeading, showBoard } from "./boards.js";
import { address, element, link, setText, tab } from "./dom.js";
import { showLobby } from "./lobby.js";
import { showPlayer } from "./players.js";
import { chooseLanguage, languages, loadTexts, said, t } from "./text.js";

const main = document.querySelector("#main");
const nav = document.querySelector("#products");
const notice = document.querySelector("#notice");
const named = new URLSearchParams(location.search).get("user") || undefined;

let products = [];
let stop = () => {};
let growing; // the timer of the notice

const view = {
  show(...children) {
    main.replaceChildren(...children);
    main.setAttribute("aria-busy", "false");
  },
  title(text) {
    document.title = `${text} · ${t("leaderboards")}`;
  },
};

const status = {
  // Nothing is taken from the page while varcade is away: what was shown stays, with its age. That goes on
  // growing where it is seen; those who hear the page are told once.
  away(error, age) {
    const missing = error instanceof Problem && error.lasting;
    if (missing) return showProblem(said(error));
    if (age === undefined) {
      view.show(element("p", { class: "problem" }, t("away")));
      return;
    }
    const [says, old] = notice.children;
    const since = Date.now() - age;
    const tell = () => setText(old, t("age", { count: Math.round((Date.now() - since) / 1000) }));
    clearInterval(growing);
    growing = setInterval(tell, 1000);
    tell();
    notice.hidden = false;
    setText(says, t("away"));
  },
  here() {
    clearInterval(growing);
    notice.hidden = true;
    setText(notice.firstChild, "");
  },
};

// What the address names: its parts, and what stands behind the question mark.
function place() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const parts = path.split("/").map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  return { parts, ...Object.fromEntries(new URLSearchParams(query ?? "")) };
}

function productHere() {
  return products.find((product) => product.product_id === place().parts[0]) ?? products[0];
}

// What is wrong with what was asked for, and the way to what there is.
function showProblem(text) {
  const product = productHere();
  const back = product && link(address(product.product_id), t("back", { title: product.title }));
  view.show(element("p", {}, back), element("p", { class: "problem" }, text));
}

function showProducts(shown) {
  nav.replaceChildren(
    ...products.map((product) => tab(address(product.product_id), product.title, product === shown)),
  );
  nav.hidden = products.length < 2;
}

function route() {
  stop();
  stop = () => {};
  status.here();
  const here = place();
  const [, kind, id] = here.parts;
  const product = productHere();
  const asked = here.parts[0] || product?.product_id;
  showProducts(products.find((one) => one.product_id === asked));
  if (product === undefined) {
    document.title = t("leaderboards");
    view.show(element("p", { class: "empty" }, t("no-games")));
    return;
  }
  view.title(product.title);
  if (asked !== product.product_id) return showProblem(t("no-such-game"));
  main.setAttribute("aria-busy", "true");
  const board = (kind === "board" && product.boards.find((b) => b.id === id)) || product.boards[0];
  if (kind === "player" && id) {
    stop = showPlayer(view, product, id, here, status);
  } else if (kind === "play") {
    stop = showLobby(view, product, status);
  } else if (board) {
    stop = showBoard(view, product, board, kind === "board" ? here : {}, named ?? account()?.user_id, status);
  } else {
    view.show(heading(product), element("p", { class: "empty card" }, t("no-boards")));
  }
}

async function refreshProducts() {
  if (document.hidden) return;
  try {
    products = await load(paths.products());
    refreshHeading(productHere());
  } catch {
    // The board's own polling tells that the server is away.
  }
}

function offerLanguages(chosen) {
  const choice = document.querySelector("#language");
  choice.replaceChildren(
    ...Object.entries(languages).map(([tag, name]) =>
      element("option", { value: tag, lang: tag, selected: tag === chosen }, name),
    ),
  );
  choice.onchange = () => chooseLanguage(choice.value);
}

async function start() {
  const texts = loadTexts().then(offerLanguages);
  try {
    [products] = await Promise.all([load(paths.products()), texts, loadSite()]);
  } catch {
    await texts.catch(() => {}); // what is away is told in the reader's language, if that is there
    view.show(element("p", { class: "problem" }, t("away")));
    setTimeout(start, 2000);
    return;
  }
  // The part of the address behind the # is ours: the link to the content must not change it.
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });
  addEventListener("hashchange", () => {
    const before = document.activeElement;
    route();
    // A view may have chosen a field for the focus.
    if (document.activeElement === before || !main.contains(document.activeElement)) main.focus({ preventScroll: true });
  });
  setInterval(refreshProducts, 5000);
  route();
}

start();
