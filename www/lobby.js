// The lobby: signing in, finding a game, waiting for one, and the seat in it. What there is to be seen is
// asked of varcade whenever it is shown (`mine`, the ticket), so nothing is lost when the page is loaded again.

import { account, signIn, signOut, site } from "./account.js";
import { load, paths, poll, Problem, send } from "./api.js";
import { heading } from "./boards.js";
import { address, arrange, button, element, form, link, setText } from "./dom.js";
import { seated } from "./games.js";
import { describeSettings } from "./settings.js";
import { said, t } from "./text.js";
import { showTicket } from "./ticket.js";
import { showWays } from "./ways.js";

const PAUSE = 1000; // ms between two looks at the seat
const RETRY = 2000; // ms before it is looked again whether there is a seat, while varcade is away
const TICKET = "varcade.ticket"; // which one was opened in this window

// Shows the lobby of the product in `into`. Returns the function that ends it.
export function showLobby(into, product, status) {
  const id = product.product_id;
  const me = account();
  const refusal = element("p", { class: "refused", role: "alert", hidden: true });
  const box = element("div", { class: "lobby" });
  const ended = new AbortController();
  let stopPart = () => {};
  let ways;
  let retrying;

  // The focus stays in the lobby, where it was there.
  function part(node, stop = () => {}) {
    const inside = box.contains(document.activeElement);
    stopPart();
    stopPart = stop;
    node.tabIndex = -1;
    arrange(box, [node]);
    if (inside) keepFocus();
  }

  function keepFocus(before) {
    if (document.activeElement !== document.body) return;
    (before?.isConnected ? before : box.firstElementChild).focus({ preventScroll: true });
  }

  function refuse(error) {
    if (ended.signal.aborted) return;
    setText(refusal, said(error));
    refusal.hidden = false;
    if (error.status === 401) leaveAccount();
  }

  // Does what was asked for; while that lasts nothing else can be. Returns whether it was done.
  async function attempt(action) {
    const before = document.activeElement;
    const inside = box.contains(before);
    refusal.hidden = true;
    box.inert = true;
    try {
      await action();
      return true;
    } catch (error) {
      if (error instanceof Problem && error.members.ticket_id) {
        remember(error.members.ticket_id);
        await look();
      } else if (error instanceof Problem && error.members.game_id) await look();
      else refuse(error);
    } finally {
      box.inert = false;
      if (inside) keepFocus(before);
    }
    return false;
  }

  function leaveAccount() {
    signOut();
    remember(undefined);
    seated(product);
  }

  const post = (path, body) => send("POST", path, body, me.token);
  const mine = async () => (await load(paths.lobby(id, "mine"), me.token, ended.signal)).filter((game) => game.state !== "ended");

  async function look() {
    const [game] = await mine();
    if (ended.signal.aborted) return;
    refusal.hidden = true;
    if (game !== undefined) return show(game);
    const ticket = remembered();
    if (ticket === undefined) return offer();
    try {
      waitFor(await load(paths.tickets(id, [ticket]), me.token, ended.signal));
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 404) throw error;
      remember(undefined);
      offer();
    }
  }

  // What is seen first; until it is known, nothing can be done.
  async function begin() {
    try {
      await look();
    } catch (error) {
      if (ended.signal.aborted) return;
      refuse(error);
      if (!(error instanceof Problem && error.lasting)) retrying = setTimeout(begin, RETRY);
    }
  }

  // --- who has neither seat nor ticket ---

  // Made once: what was typed is there when the player comes back.
  function offer() {
    if (ways !== undefined) {
      part(ways.node, ways.stop);
      return ways.look();
    }
    ways = showWays(product, {
      seat: (path, body) => attempt(async () => show(await post(path, body))),
      ticket: (body) => attempt(async () => waitFor(await post(paths.tickets(id), body))),
      party: (code, body) => attempt(async () => waitFor(await post(paths.tickets(id, ["join", code]), body))),
    });
    part(ways.node, ways.stop);
  }

  // --- who waits ---

  function waitFor(ticket) {
    if (ticket.state !== "waiting") return after(ticket);
    remember(ticket.ticket_id);
    const here = (...more) => paths.tickets(id, [ticket.ticket_id, ...more]);
    let over = false;
    const end = (now) => {
      if (over) return; // who cancels is told by both answers
      over = true;
      after(now);
    };
    const view = showTicket(product, ticket, me, status, {
      ready: () => attempt(async () => waitFor(await post(here("ready")))),
      cancel: () => attempt(async () => end(await send("DELETE", here(), undefined, me.token))),
      over: end,
      lost: () => attempt(look),
    });
    part(view.node, view.stop);
  }

  // `ticket` is over; undefined: it goes on, without this player.
  function after(ticket) {
    remember(undefined);
    if (ticket?.state === "matched") return show(ticket.game);
    offer();
    refuse(new Error(t(`over-${ticket?.reason ?? "cancelled"}`)));
  }

  // --- who has a seat ---

  function show(game) {
    const facts = element("p", { class: "line", role: "status" });
    const field = element("div", {});
    const leave = button(t("leave"), () => attempt(async () => {
      await post(paths.lobby(id, "leave_game", game.game_id));
      await look();
    }), "quiet");
    const again = button(t("again"), () => attempt(look));
    const actions = element("div", { class: "actions" }, leave);
    let stopPlay = () => {};
    let over = false;

    function finish() {
      if (over) return;
      over = true;
      stopLooking();
      facts.hidden = true;
      arrange(actions, [again, link(address(id), t("to-board"), { class: "button quiet" })]);
      if (!site.play[id]) arrange(field, [element("p", { class: "empty" }, t("game-over"))]);
    }

    function describe(now) {
      const full = now.players.length >= now.settings.num_players;
      const code = now.join_code && !full ? element("span", { class: "code" }, t("tell-code"), " ", element("strong", {}, now.join_code)) : undefined;
      facts.replaceChildren(
        element("span", {}, t("of-player", { name: now.creator_name })),
        element("span", {}, t("seats", { taken: now.players.length, seats: now.settings.num_players })),
        ...[describeSettings(product, now), code].filter(Boolean),
      );
    }

    describe(game);
    const find = async () => (await mine()).find((now) => now.game_id === game.game_id);
    const stopLooking = poll(
      paths.lobby(id, "mine"),
      PAUSE,
      (games) => {
        status.here();
        const now = games?.find((one) => one.game_id === game.game_id);
        if (now !== undefined) describe(now);
        else if (games !== undefined) finish();
      },
      status.away,
      me.token,
    );
    part(element("section", { class: "card side seat" }, facts, field, actions), () => {
      stopLooking();
      stopPlay();
    });
    if (site.play[id]) {
      import(site.play[id]).then(
        (module) => {
          if (field.isConnected) stopPlay = module.play(field, game, me, { find, finish });
        },
        refuse,
      );
    } else {
      field.append(element("p", {}, t("connect", { server: game.target_game_server })));
    }
  }

  // --- the whole ---

  function accountLine() {
    if (me === undefined) return undefined;
    return element("p", { class: "line account" }, element("span", {}, t("signed-in", { name: me.username })), button(t("sign-out"), leaveAccount, "quiet"));
  }

  function askName() {
    if (site.sign_in === null) return part(element("p", { class: "empty card" }, t("sign-in-elsewhere")));
    const field = element("input", { id: "name", maxlength: 32, required: true, pattern: ".*\\S.*", autocomplete: "nickname" });
    const enter = async () => {
      await signIn(field.value.trim());
      seated(product);
    };
    const asks = form(
      { class: "ask" },
      () => attempt(enter),
      element("label", { for: "name" }, t("your-name")),
      element("div", { class: "field" }, field, element("button", {}, t("sign-in"))),
      element("p", { class: "hint" }, t("sign-in-hint")),
    );
    part(element("section", { class: "card side" }, asks));
    field.focus();
  }

  into.show(
    heading(product),
    ...[accountLine(), refusal, box, element("p", {}, link(address(id), t("back", { title: product.title })))].filter(Boolean),
  );
  if (me === undefined) askName();
  else begin();
  return () => {
    ended.abort();
    clearTimeout(retrying);
    stopPart();
  };
}

function remembered() {
  return sessionStorage.getItem(TICKET) ?? undefined;
}

function remember(ticket) {
  if (ticket === undefined) sessionStorage.removeItem(TICKET);
  else sessionStorage.setItem(TICKET, ticket);
}
