// A ticket while it waits: the party before it is ready, then the queue, and all that varcade tells about that.

import { load, paths, Problem } from "./api.js";
import { arrange, button, element, figure, setText } from "./dom.js";
import { titleOf } from "./settings.js";
import { duration, number, t } from "./text.js";

const POLL = 5; // s; so long varcade keeps a look at the ticket waiting for news
const PAUSE = 1000; // ms before the next look, when there was no answer

function range(from, to) {
  return t("span", { from: Math.round(from), to: Math.round(to) });
}

// What is known of the match that is sought.
function prospects(ticket) {
  const { why, last_waits: waits } = ticket;
  const out = Object.entries(why?.excluded ?? {}).filter(([, count]) => count > 0);
  return [
    ticket.place === undefined ? undefined : figure(t("place-title"), t("of", { part: ticket.place, whole: ticket.waiting })),
    why?.rating_from == null ? undefined : figure(t("range-title"), range(why.rating_from, why.rating_to)),
    why?.latency_ms == null ? undefined : figure(t("latency-title"), t("ms", { ms: Math.round(why.latency_ms) })),
    why?.candidates === undefined
      ? undefined
      : figure(t("candidates-title"), t("of", { part: why.candidates, whole: why.others }), t("players-needed", { players: why.players, needed: why.needed })),
    out.length > 0 ? figure(t("excluded-title"), out.map(([rule, count]) => `${ruleName(rule)}: ${number(count)}`).join(", ")) : undefined,
    waits ? figure(t("waits-title"), duration(waits.p50_ms), t("waits-p90", { time: duration(waits.p90_ms) })) : undefined,
  ].filter(Boolean);
}

function ruleName(rule) {
  return ["rating", "latency", "party"].includes(rule) ? t(`rule-${rule}`) : titleOf(rule);
}

// The party's players by name; names are asked for once.
function memberList(product, ticket) {
  const list = element("ul", { class: "members", "aria-label": t("members") });
  const items = new Map();

  function makeItem(user) {
    const item = element("li", {}, element("bdi", {}, user));
    load(paths.player(product.product_id, user)).then((player) => player.username && setText(item.firstChild, player.username), () => {});
    if (user === ticket.opener_id) item.append(" ", element("small", {}, t("opener")));
    return item;
  }

  return {
    node: list,
    show(users) {
      for (const user of users) if (!items.has(user)) items.set(user, makeItem(user));
      arrange(list, users.map((user) => items.get(user)));
    },
  };
}

// The ticket's view. act.ready() and act.cancel() are what its buttons do, act.over(ticket) is called when it is over
// and act.lost() when it cannot be read any more. Returns {node, stop}.
export function showTicket(product, ticket, me, status, act) {
  const queue = product.queues.find((one) => one.id === ticket.queue);
  const mine = ticket.opener_id === me.user_id;
  const title = element("h2", {});
  const says = element("p", { class: "why" });
  const code = element("strong", {});
  const tell = element("p", { class: "code" }, t("tell-code"), " ", code);
  const members = memberList(product, ticket);
  const size = element("p", { class: "hint" });
  const figures = element("dl", { class: "stats" });
  const waited = figure(t("waited-title"), "");
  const left = figure(t("left-title"), "");
  const ready = button(t("party-ready"), act.ready);
  const cancel = button("", act.cancel, "quiet");
  const ended = new AbortController();
  let began;
  let ends;
  let seen = Date.now(); // when what is shown was told

  function tick() {
    setText(waited.lastChild, duration(Date.now() - began));
    setText(left.lastChild, duration(ends - Date.now()));
  }

  function showParty(now) {
    setText(title, t("your-party"));
    setText(says, t(mine ? "party-open" : "party-wait"));
    setText(code, now.code);
    setText(size, t("seats", { taken: now.players.length, seats: queue?.team_size.max ?? now.players.length }));
    ready.hidden = !mine;
    setText(cancel, t(mine ? "cancel" : "leave-party"));
    figures.replaceChildren(left);
  }

  function showQueue(now) {
    setText(title, t("waiting"));
    setText(says, now.place === undefined ? t("making") : now.why ? t(`why-${now.why.reason}`) : "");
    ready.hidden = true;
    setText(cancel, t("cancel"));
    figures.replaceChildren(waited, ...prospects(now), left);
  }

  function show(now) {
    const together = !now.ready || now.players.length > 1;
    tell.hidden = now.ready;
    size.hidden = now.ready;
    members.node.hidden = !together;
    if (together) members.show(now.players);
    if (now.ready) showQueue(now);
    else showParty(now);
    began = Date.now() - (now.waited_ms ?? 0);
    ends = new Date(now.expires_at);
    tick();
  }

  async function follow(now) {
    while (now.state === "waiting") {
      show(now);
      try {
        now = await load(paths.tickets(product.product_id, [ticket.ticket_id], { wait: POLL }), me.token, ended.signal);
        seen = Date.now();
        status.here();
      } catch (error) {
        if (ended.signal.aborted) return;
        if (error instanceof Problem && error.lasting) return act.lost();
        status.away(error, Date.now() - seen);
        await new Promise((resolve) => setTimeout(resolve, PAUSE));
      }
      if (ended.signal.aborted) return;
    }
    act.over(now);
  }

  const node = element(
    "section",
    { class: "card side wait" },
    title,
    element("div", { role: "status" }, says),
    tell,
    size,
    members.node,
    figures,
    element("div", { class: "actions" }, ready, cancel),
  );
  const ticking = setInterval(tick, 1000);
  follow(ticket);
  return {
    node,
    stop() {
      ended.abort();
      clearInterval(ticking);
    },
  };
}
