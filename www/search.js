// Finding a player by the beginning of the name, or by the id.

import { load, paths } from "./api.js";
import { address, element, link } from "./dom.js";
import { said, t } from "./text.js";

const LONGEST = 128; // bytes of a name, or of an id

export function searchForm(product) {
  const field = element("input", { id: "search", type: "search", name: "search", maxlength: LONGEST, required: true, autocomplete: "off" });
  field.placeholder = t("search-hint");
  const found = element("div", { role: "status" });
  const form = element(
    "form",
    { class: "card side search", role: "search" },
    element("label", { for: "search" }, t("search")),
    element("div", { class: "field" }, field, element("button", {}, t("search-go"))),
    found,
  );

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = field.value.trim();
    if (text === "") return;
    // What no name can be, nobody has.
    if (new TextEncoder().encode(text).length > LONGEST) return show([]);
    try {
      show(await load(paths.search(product.product_id, text)));
    } catch (error) {
      found.replaceChildren(element("p", {}, error.status === 400 ? t("search-none") : said(error)));
    }
  });

  function show(players) {
    if (players.length === 0) {
      found.replaceChildren(element("p", {}, t("search-none")));
      return;
    }
    const items = players.map((player) =>
      element("li", {}, link(address(product.product_id, ["player", player.user_id]), player.username ?? player.user_id)),
    );
    found.replaceChildren(element("ul", { "aria-label": t("search-results") }, ...items));
  }

  return form;
}
