// The ways into a game, for who has neither seat nor ticket: quick match, a game of one's own, a queue, a code.

import { paths } from "./api.js";
import { checkbox, element, form, labelled } from "./dom.js";
import { openGames } from "./games.js";
import { settingFields, titleOf } from "./settings.js";
import { t } from "./text.js";

const LATENCY_MAX = 10000; // ms
const NUMBER_MAX = 1e9; // of an attribute

// A title, what this way is, the fields, and the button that sends them.
function way(name, hint, act, text, ...fields) {
  const title = element("h2", { id: `way-${name}` }, t(name));
  return form({ class: "way", "aria-labelledby": title.id }, act, title, hint, ...fields, element("button", {}, text));
}

function hint(text) {
  return element("p", { class: "hint" }, text);
}

function codeField(id) {
  return element("input", {
    id,
    required: true,
    pattern: "\\s*[A-Za-z]{6}\\s*",
    autocomplete: "off",
    autocapitalize: "characters",
    spellcheck: "false",
  });
}

function codeForm(id, label, act, more) {
  const field = codeField(id);
  const send = async () => {
    if (await act(field.value.trim())) field.value = ""; // it is of no further use
  };
  return form(
    { class: "ask" },
    send,
    element("label", { for: id }, label),
    element("div", { class: "field" }, field, element("button", { class: "quiet" }, t("join"))),
    more,
  );
}

function quickMatch(product, go) {
  const wanted = settingFields(product.settings, "quick", true);
  const rated = product.boards.find((board) => board.rating && board.windows.includes("all"));
  const near = checkbox("near", t("near"));
  const act = () => go.seat(paths.lobby(product.product_id, "quick_match"), { settings: wanted.values(), board: near.box.checked ? rated.id : undefined });
  const choices = [wanted.empty ? undefined : wanted.node, rated && near.node].filter(Boolean);
  const more = choices.length > 0 ? element("details", {}, element("summary", {}, t("wishes")), ...choices) : undefined;
  return way("quick", hint(t("quick-hint")), act, t("play"), more);
}

function ownGame(product, go) {
  const chosen = settingFields(product.settings, "create", false);
  const secret = checkbox("private", t("private"));
  const act = () => go.seat(paths.lobby(product.product_id, "create_game"), { settings: chosen.values(), private: secret.box.checked });
  return way("create", undefined, act, t("create-go"), chosen.node, secret.node);
}

// The milliseconds to regions; `needed`: at least one has to be told, if there is one.
function latencyFields(regions, prefix, needed) {
  const fields = regions.map((region) => [region, element("input", { id: `${prefix}-${region}`, type: "number", min: 0, max: LATENCY_MAX, step: 1 })]);
  const told = () => fields.filter(([, field]) => field.value !== "");
  const check = () => fields[0]?.[1].setCustomValidity(told().length > 0 || !needed ? "" : t("latency-hint"));
  const node = element("div", { class: "fields" }, ...fields.map(([region, field]) => labelled(t("latency", { region: titleOf(region) }), field)));
  node.addEventListener("input", check);
  check();
  return { node, values: () => Object.fromEntries(told().map(([region, field]) => [region, Number(field.value)])) };
}

// What a ticket has to tell in this queue: fields, and the body of the request.
function ticketFields(queue) {
  const texts = queue.equal.map((name) => [name, element("input", { id: `equal-${name}`, maxlength: 64, required: true, autocomplete: "off" })]);
  const numbers = queue.within.map((name) => [
    name,
    element("input", { id: `within-${name}`, type: "number", min: -NUMBER_MAX, max: NUMBER_MAX, step: "any", required: true }),
  ]);
  const latency = latencyFields(queue.regions, "latency", true);
  const party = checkbox("party", t("party", { count: queue.team_size.max }));
  const attributes = element("div", { class: "fields" }, ...[...texts, ...numbers].map(([name, field]) => labelled(titleOf(name), field)));
  const { min, max } = queue.team_size;
  const size = min === max ? max : t("span", { from: min, to: max });
  const parts = [
    hint(t(queue.rating === null ? "queue-any" : "queue-rated")),
    queue.teams * max > 2 ? hint(t("queue-teams", { teams: queue.teams, size })) : undefined,
    texts.length + numbers.length > 0 ? attributes : undefined,
    queue.regions.length > 0 ? latency.node : undefined,
    queue.regions.length > 0 ? hint(t("latency-hint")) : undefined,
    max > 1 ? party.node : undefined,
  ].filter(Boolean);
  const values = () => ({
    queue: queue.id,
    attributes: Object.fromEntries([...texts.map(([name, field]) => [name, field.value]), ...numbers.map(([name, field]) => [name, Number(field.value)])]),
    latencies: latency.values(),
    party: party.box.checked,
  });
  return { parts, values };
}

function queues(product, go) {
  const choice = element("select", { id: "queue" }, ...product.queues.map((queue, i) => element("option", { value: i }, titleOf(queue.id))));
  const box = element("div", {});
  let fields;
  const show = () => {
    fields = ticketFields(product.queues[choice.value]);
    box.replaceChildren(...fields.parts);
  };
  choice.addEventListener("change", show);
  show();
  return way("queue", labelled(t("queue-which"), choice), () => go.ticket(fields.values()), t("queue-go"), box);
}

// A party's queue is not known before it is joined: what its regions can be may be told.
function partyCode(product, go) {
  const regions = [...new Set(product.queues.filter((queue) => queue.team_size.max > 1).flatMap((queue) => queue.regions))];
  const latency = latencyFields(regions, "party-latency", false);
  return codeForm("party-code", t("party-code"), (code) => go.party(code, { latencies: latency.values() }), regions.length > 0 ? latency.node : undefined);
}

// go.seat(path, body), go.ticket(body), go.party(code, body): what is asked for. Returns {node, look, stop}.
export function showWays(product, go) {
  const games = openGames(product);
  const friends = product.queues.some((queue) => queue.team_size.max > 1);
  const code = codeForm("code", t("code"), (text) => go.seat(paths.lobby(product.product_id, "join_code", text)));
  const node = element(
    "div",
    { class: "columns" },
    element(
      "div",
      { class: "ways" },
      element("div", {}, quickMatch(product, go), product.queues.length > 0 ? queues(product, go) : undefined),
      element("div", {}, ownGame(product, go)),
    ),
    element("aside", {}, games.node, element("section", { class: "card side", "aria-label": t("codes") }, code, friends ? partyCode(product, go) : undefined)),
  );
  return { node, look: games.look, stop: games.stop };
}
