// The games that wait for players, as they come and go.

import { account } from "./account.js";
import { paths, poll, send } from "./api.js";
import { address, arrange, element, form, setText } from "./dom.js";
import { describeSettings, settingFields } from "./settings.js";
import { said, t } from "./text.js";

const PAUSE = 2000; // ms

// The open games of a product, all or those with certain settings; who is signed in can join them, and is
// led to the seat. look() begins again, after stop().
export function openGames(product) {
  const list = element("ul", { class: "games" });
  const none = element("p", { class: "empty" });
  const box = element("div");
  const refusal = element("p", { class: "refused", role: "alert", hidden: true });
  const wanted = settingFields(product.settings, "filter", true);
  const summary = element("summary", {}, t("filter"));
  const filter = form({}, look, wanted.node);
  const node = element(
    "section",
    { class: "card side" },
    element("h2", {}, t("open-games")),
    wanted.empty ? undefined : element("details", {}, summary, filter),
    refusal,
    box,
  );
  const me = account();
  let items = new Map();
  let last = [];
  let stop = () => {};

  async function join(game, button) {
    button.disabled = true;
    try {
      await send("POST", paths.lobby(product.product_id, "join_game", game.game_id), undefined, me.token);
      seated(product);
    } catch (error) {
      refusal.textContent = said(error);
      refusal.hidden = false;
      button.disabled = false;
    }
  }

  function makeItem(game) {
    const name = t("of-player", { name: game.creator_name });
    const item = element("li", {}, element("span", {}, name), element("span", { class: "seats" }), describeSettings(product, game));
    if (me !== undefined && !game.players.includes(me.user_id)) {
      const button = element("button", { type: "button", "aria-label": t("join-named", { name }) }, t("join"));
      button.addEventListener("click", () => join(game, button));
      item.append(button);
    }
    return item;
  }

  function show(games) {
    const before = items;
    items = new Map();
    for (const game of games) {
      const item = before.get(game.game_id) ?? makeItem(game);
      setText(item.children[1], t("seats", { taken: game.players.length, seats: game.settings.num_players }));
      items.set(game.game_id, item);
    }
    arrange(list, [...items.values()]);
    arrange(box, [games.length > 0 ? list : none]);
  }

  function look() {
    const chosen = wanted.values();
    const count = Object.keys(chosen).length;
    setText(summary, count > 0 ? t("filter-on", { count }) : t("filter"));
    const empty = t(count > 0 ? "open-none-fit" : "open-none");
    stop();
    stop = poll(
      paths.openGames(product.product_id, chosen),
      PAUSE,
      (games) => {
        if (games !== undefined) last = games;
        setText(none, empty);
        show(last);
      },
      () => {
        // What was open may be gone, and cannot be joined.
        setText(none, t("away"));
        show([]);
      },
    );
  }

  filter.addEventListener("change", () => filter.reportValidity() && look());
  look();
  return { node, look, stop: () => stop() };
}

// To where a seat is shown, or shown anew.
export function seated(product) {
  const there = address(product.product_id, ["play"]);
  if (location.hash === there) dispatchEvent(new HashChangeEvent("hashchange"));
  else location.hash = there;
}
