// The games that wait for players, as they come and go.

import { paths, poll } from "./api.js";
import { arrange, element, setText } from "./dom.js";
import { t } from "./text.js";

const PAUSE = 2000; // ms

export function openGames(product) {
  const list = element("ul", { class: "games" });
  const none = element("p", { class: "empty" }, t("open-none"));
  const box = element("div");
  const node = element("section", { class: "card side" }, element("h2", {}, t("open-games")), box);
  let items = new Map();

  function show(games) {
    const before = items;
    items = new Map();
    for (const game of games) {
      const item = before.get(game.game_id) ?? {
        node: element("li", {}, element("span", {}, t("of-player", { name: game.creator_name })), element("span", { class: "seats" })),
      };
      setText(item.node.lastChild, t("seats", { taken: game.players.length, seats: game.settings.num_players }));
      items.set(game.game_id, item);
    }
    arrange(list, [...items.values()].map((item) => item.node));
    arrange(box, [games.length > 0 ? list : none]);
  }

  // Where the lobby is away, the board above tells; what was open is no more, as far as is known.
  const stop = poll(paths.openGames(product.product_id), PAUSE, (games) => games && show(games), () => show([]));
  return { node, stop };
}
