// Rock-paper-scissors, played in the lobby's view of a seat: it speaks the demo game server's protocol
// (rps_server.py), which nginx passes on from the page's own origin. A portal's module would do the same for its game:
// the lobby calls play(), and wants the function that ends it.

import { element, setText } from "../dom.js";
import { addTexts, number, t } from "../text.js";

const WEAPONS = ["rock", "paper", "scissors"];
const SHAPES = [
  ["M7 19 3.5 13 7 6l8-1.5 5.5 5.5-1.5 7-6 3z"],
  ["M6 3h9l4 4v14H6z", "M15 3v4h4", "M9 12h7M9 16h7"],
  ["M8.2 8.3 20 17.5M8.2 15.7 20 6.5", "M3.5 6.8a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0-5 0", "M3.5 17.2a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0-5 0"],
];
const AGAIN = 700; // ms before the socket is opened again

function picture(weapon) {
  const make = (name, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const whole = make("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" });
  whole.append(...SHAPES[weapon].map((d) => make("path", { d })));
  return whole;
}

function weaponName(weapon) {
  return t(weapon === null ? "rps-nothing" : `rps-${WEAPONS[weapon]}`);
}

let texts; // fetched once, as is the look

function prepare() {
  texts ??= addTexts(new URL("lang/", import.meta.url));
  if (!document.querySelector("#rps-style"))
    document.head.append(element("link", { id: "rps-style", rel: "stylesheet", href: new URL("rps.css", import.meta.url) }));
  return texts;
}

// Plays `game` in `field` for `me`. seat.find() is the game as varcade knows it now, or undefined;
// seat.finish() is to be called when it is over.
export function play(field, game, me, seat) {
  let socket;
  let stopped = false;
  let over = false;
  let names = {};
  let round = 0;
  let view;

  function choose(weapon) {
    if (view.choice.disabled) return;
    socket.send(JSON.stringify({ weapon }));
    view.choice.disabled = true;
    view.buttons[weapon].classList.add("chosen");
    setText(view.line, t("rps-chosen", { weapon: weaponName(weapon) }));
  }

  function draw() {
    const buttons = WEAPONS.map((name, weapon) => {
      const made = element(
        "button",
        { type: "button", "aria-keyshortcuts": String(weapon + 1) },
        picture(weapon),
        element("span", {}, t(`rps-${name}`)),
        element("kbd", { "aria-hidden": "true" }, number(weapon + 1)),
      );
      made.addEventListener("click", () => choose(weapon));
      return made;
    });
    const choice = element("fieldset", { class: "weapons", disabled: true }, element("legend", { class: "spoken" }, t("rps-choose")), ...buttons);
    const line = element("p", { class: "says", role: "status" }, t("rps-connecting"));
    const time = element("div", { class: "time" });
    const score = element("p", { class: "score" });
    const rounds = element("ol", { class: "rounds", "aria-label": t("rps-rounds"), hidden: true });
    view = { buttons, choice, line, time, score, rounds };
    field.replaceChildren(element("div", { class: "rps" }, score, line, time, choice, rounds));
  }

  function showScore(score) {
    const other = Object.keys(names).find((id) => id !== me.user_id);
    view.score.replaceChildren(
      ...[me.user_id, other].map((id) =>
        element("span", {}, element("bdi", {}, names[id] ?? t("rps-opponent")), " ", element("strong", {}, number(score[id] ?? 0))),
      ),
    );
  }

  function ask(message) {
    names = message.names;
    if (view.score.childElementCount === 0) showScore({});
    round = message.round;
    for (const button of view.buttons) button.classList.remove("chosen");
    view.choice.disabled = false;
    if (!field.contains(document.activeElement)) view.buttons[0].focus({ preventScroll: true });
    setText(view.line, t("rps-round", { round }));
    view.time.replaceChildren(element("div", {}));
    view.time.firstChild.animate([{ width: "100%" }, { width: "0" }], { duration: message.seconds * 1000, fill: "forwards" });
  }

  function tell(message) {
    view.choice.disabled = true;
    view.time.replaceChildren();
    const mine = message.weapons[me.user_id];
    const theirs = Object.entries(message.weapons).find(([id]) => id !== me.user_id)[1];
    const how = message.winner === null ? "drawn" : message.winner === me.user_id ? "won" : "lost";
    const text = t(`rps-round-${how}`, { mine: weaponName(mine), theirs: weaponName(theirs) });
    setText(view.line, text);
    showScore(message.score);
    if (view.rounds.dataset.last === String(message.round)) return; // told again to who has come back
    view.rounds.dataset.last = message.round;
    view.rounds.append(element("li", { class: how, value: message.round }, text));
    view.rounds.hidden = false;
  }

  function end(message) {
    over = true;
    const won = message.winner === me.user_id;
    setText(view.line, won ? t("rps-won") : t("rps-lost", { name: names[message.winner] ?? t("rps-opponent") }));
    view.line.classList.add("final", won ? "won" : "lost");
    view.choice.hidden = true;
    view.time.hidden = true;
    seat.finish();
  }

  function wait() {
    view.choice.disabled = true;
    view.time.replaceChildren();
    view.score.replaceChildren();
    view.rounds.replaceChildren();
    view.rounds.hidden = true;
    delete view.rounds.dataset.last;
    setText(view.line, t("rps-waiting"));
  }

  const hear = { waiting: wait, round: ask, result: tell, over: end };

  // The server is where the game's object says; its host is this page's, whatever name it was opened by.
  function connect() {
    const target = new URL(game.target_game_server);
    const url = new URL(target.pathname, location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    url.search = new URLSearchParams({ token: game.token });
    socket = new WebSocket(url);
    socket.addEventListener("message", (event) => {
      const message = JSON.parse(event.data);
      hear[message.type]?.(message);
    });
    socket.addEventListener("close", cutOff);
  }

  // Either the game is over, or the way to it was cut: varcade knows.
  async function cutOff() {
    if (stopped || over) return;
    view.choice.disabled = true;
    await new Promise((resolve) => setTimeout(resolve, AGAIN));
    let known;
    try {
      known = await seat.find();
    } catch {
      known = game; // varcade is away as well
    }
    if (stopped || over) return;
    if (known !== undefined) return connect();
    over = true;
    view.choice.hidden = true;
    view.time.hidden = true;
    setText(view.line, t("rps-ended"));
    seat.finish();
  }

  function key(event) {
    const weapon = ["1", "2", "3"].indexOf(event.key);
    if (weapon < 0 || event.ctrlKey || event.altKey || event.metaKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    choose(weapon);
  }

  prepare().then(() => {
    if (stopped) return;
    draw();
    document.addEventListener("keydown", key);
    connect();
  });
  return () => {
    stopped = true;
    document.removeEventListener("keydown", key);
    socket?.close(); // without 1000: who looks at something else may come back
  };
}
