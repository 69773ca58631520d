// The lobby: signing in, finding a game, waiting for one, and the seat in it. What there is to be seen is
// asked of varcade whenever it is shown (`mine`, the ticket), so nothing is lost when the page is loaded again.

import { account, signIn, signOut, site } from "./account.js";
import { load, paths, poll, Problem, send } from "./api.js";
import { heading } from "./boards.js";
import { address, arrange, element, link, setText } from "./dom.js";
import { openGames, seated } from "./games.js";
import { said, t } from "./text.js";

const PAUSE = 1000; // ms between two looks at the seat
const POLL = 5; // s; so long varcade keeps a look at the ticket waiting for news
const TICKET = "varcade.ticket"; // which one was opened in this window

function button(text, act, quiet) {
  const made = element("button", { type: "button", class: quiet ? "quiet" : undefined }, text);
  made.addEventListener("click", act);
  return made;
}

// A field and what is done with it: one line.
function lineForm(id, label, field, text, act) {
  const form = element("form", { class: "ask" }, element("label", { for: id }, label), element("div", { class: "field" }, field, element("button", {}, text)));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (field.value.trim() !== "") act(field.value.trim());
  });
  return form;
}

// Shows the lobby of the product in `into`. Returns the function that ends it.
export function showLobby(into, product, status) {
  const id = product.product_id;
  const me = account();
  const refusal = element("p", { class: "refused", role: "alert", hidden: true });
  const box = element("div", { class: "lobby" });
  const ended = new AbortController();
  let stopPart = () => {};

  function part(node, stop = () => {}) {
    stopPart();
    stopPart = stop;
    arrange(box, [node]);
  }

  function refuse(error) {
    if (ended.signal.aborted) return;
    refusal.textContent = said(error);
    refusal.hidden = false;
    if (error.status === 401) leaveAccount();
  }

  // Does what was asked for; while that lasts nothing else can be.
  async function attempt(action) {
    refusal.hidden = true;
    box.inert = true;
    try {
      await action();
    } catch (error) {
      if (error instanceof Problem && error.members.ticket_id) {
        remember(error.members.ticket_id);
        await look();
      } else if (error instanceof Problem && error.members.game_id) await look();
      else refuse(error);
    } finally {
      box.inert = false;
    }
  }

  function leaveAccount() {
    signOut();
    remember(undefined);
    seated(product);
  }

  const post = (path, body) => send("POST", path, body, me.token);
  // What gives a seat: then `mine` has it.
  const ask = (path, body) => attempt(async () => show(await post(path, body)));
  const mine = async () => (await load(paths.lobby(id, "mine"), me.token, ended.signal)).filter((game) => game.state !== "ended");

  async function look() {
    const [game] = await mine();
    if (ended.signal.aborted) return;
    if (game !== undefined) return show(game);
    const ticket = remembered();
    if (ticket === undefined) return offer();
    try {
      await waitFor(await load(paths.tickets(id, ticket), me.token, ended.signal));
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 404) throw error;
      remember(undefined);
      offer();
    }
  }

  // --- who has neither seat nor ticket ---

  function offer() {
    const secret = element("input", { type: "checkbox", id: "private" });
    const code = element("input", { id: "code", maxlength: 6, autocomplete: "off", autocapitalize: "characters", spellcheck: "false" });
    const queues = product.queues.filter((queue) => [...queue.equal, ...queue.within, ...queue.regions].length === 0);
    const create = () => ask(paths.lobby(id, "create_game"), secret.checked ? { private: true } : {});
    const games = openGames(product);
    const ways = element(
      "section",
      { class: "card side ways", "aria-label": t("play") },
      way(t("quick-hint"), button(t("quick"), () => ask(paths.lobby(id, "quick_match")))),
      ...queues.map((queue) => way(t("queue-hint"), button(t("queue", { queue: queue.id }), () => open(queue), true))),
      way(
        element("span", { class: "check" }, secret, element("label", { for: "private" }, t("private"))),
        button(t("create"), create, true),
      ),
      lineForm("code", t("code"), code, t("join"), (text) => ask(paths.lobby(id, "join_code", text))),
    );
    part(element("div", { class: "columns" }, ways, element("aside", {}, games.node)), games.stop);
  }

  function way(hint, act) {
    return element("div", { class: "way" }, element("span", {}, hint), act);
  }

  // --- who waits ---

  const open = (queue) =>
    attempt(async () => {
      const ticket = await post(paths.tickets(id), { queue: queue.id });
      remember(ticket.ticket_id);
      waitFor(ticket);
    });

  function waitFor(ticket) {
    const waited = element("p", { class: "waited" });
    const place = element("p", {});
    const why = element("p", { class: "why" });
    const opened = Date.now() - ticket.waited_ms;
    const over = new AbortController();
    const cancel = () => attempt(async () => after(await send("DELETE", paths.tickets(id, ticket.ticket_id), undefined, me.token)));
    const tick = () => setText(waited, t("waited", { count: Math.round((Date.now() - opened) / 1000) }));
    const ticking = setInterval(tick, 1000);

    function after(now) {
      if (over.signal.aborted) return;
      remember(undefined);
      if (now.state === "matched") show(now.game);
      else {
        offer();
        refuse(new Error(t(now.state === "expired" ? "ticket-expired" : "ticket-cancelled")));
      }
    }

    function describe(now) {
      setText(place, now.place === undefined ? t("making") : t("queue-place", { place: now.place, waiting: now.waiting }));
      const range = now.why?.rating_from != null ? " " + t("why-rating", { from: Math.round(now.why.rating_from), to: Math.round(now.why.rating_to) }) : "";
      setText(why, now.why ? t(`why-${now.why.reason}`) + range : "");
    }

    async function follow(now) {
      while (now.state === "waiting") {
        describe(now);
        try {
          now = await load(paths.tickets(id, ticket.ticket_id, { wait: POLL }), me.token, over.signal);
          status.here();
        } catch (error) {
          if (over.signal.aborted) return;
          if (error instanceof Problem && error.status < 500) return look();
          status.away(error, Date.now() - opened);
          await new Promise((resolve) => setTimeout(resolve, PAUSE));
        }
      }
      after(now);
    }

    tick();
    part(
      element(
        "section",
        { class: "card side wait" },
        element("h2", {}, t("waiting")),
        element("div", { role: "status" }, place, why),
        waited,
        button(t("cancel"), cancel, true),
      ),
      () => {
        over.abort();
        clearInterval(ticking);
      },
    );
    follow(ticket);
  }

  // --- who has a seat ---

  function show(game) {
    const facts = element("p", { class: "line", role: "status" });
    const field = element("div", {});
    const leave = button(t("leave"), () => attempt(async () => {
      await post(paths.lobby(id, "leave_game", game.game_id));
      await look();
    }), true);
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
        ...(code ? [code] : []),
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
    return element("p", { class: "line account" }, element("span", {}, t("signed-in", { name: me.username })), button(t("sign-out"), leaveAccount, true));
  }

  function askName() {
    if (site.sign_in === null) return part(element("p", { class: "empty card" }, t("sign-in-elsewhere")));
    const field = element("input", { id: "name", maxlength: 32, required: true, autocomplete: "nickname" });
    const form = lineForm("name", t("your-name"), field, t("sign-in"), (name) =>
      attempt(async () => {
        await signIn(name);
        seated(product);
      }),
    );
    part(element("section", { class: "card side" }, form, element("p", { class: "hint" }, t("sign-in-hint"))));
    field.focus();
  }

  into.show(
    heading(product),
    ...[accountLine(), refusal, box, element("p", {}, link(address(id), t("back", { title: product.title })))].filter(Boolean),
  );
  if (me === undefined) askName();
  else attempt(look);
  return () => {
    ended.abort();
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
