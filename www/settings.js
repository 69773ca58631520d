// Fields for the settings of a game: which there are, and what each can be, the product's description says.

import { element, labelled } from "./dom.js";
import { number, t } from "./text.js";

// Settings, regions and attributes have names of the game's file, and no titles: rounds_to_win.
export function titleOf(name) {
  const words = name.replace(/[_-]+/g, " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function textOf(value) {
  if (typeof value === "boolean") return t(value ? "yes" : "no");
  return typeof value === "number" ? number(value) : value;
}

function numberField(id, setting, value, free) {
  return element("input", {
    id,
    type: "number",
    min: setting.min,
    max: setting.max,
    step: 1,
    value,
    required: !free,
    placeholder: free ? t("any") : undefined,
  });
}

// The values are the options' places in the list: so they can be of any kind.
function choiceField(id, values, value, free) {
  const options = values.map((one, i) => element("option", { value: i, selected: one === value }, textOf(one)));
  return element("select", { id }, free ? element("option", { value: "" }, t("any")) : undefined, ...options);
}

function makeField(id, name, setting, free) {
  if (setting.type === "integer") {
    const control = numberField(id, setting, free ? undefined : (setting.default ?? setting.min), free);
    const label = t("with-range", { name: titleOf(name), min: setting.min, max: setting.max });
    return { name, node: labelled(label, control), value: () => (control.value === "" ? undefined : Number(control.value)) };
  }
  const values = setting.type === "boolean" ? [true, false] : setting.values;
  const first = setting.type === "boolean" ? false : setting.values[0];
  const control = choiceField(id, values, free ? undefined : (setting.default ?? first), free);
  return { name, node: labelled(titleOf(name), control), value: () => values[control.value] };
}

// Fields for all of `settings`. With `free` none has to be chosen; else they begin with what a game has where
// its creator says nothing. values(): what is chosen, for a request's body.
export function settingFields(settings, prefix, free) {
  const fields = Object.entries(settings).map(([name, setting]) => makeField(`${prefix}-${name}`, name, setting, free));
  return {
    node: element("div", { class: "fields", hidden: fields.length === 0 }, ...fields.map((field) => field.node)),
    empty: fields.length === 0,
    values: () => Object.fromEntries(fields.map((field) => [field.name, field.value()]).filter(([, value]) => value !== undefined)),
  };
}

// What a game's creator has chosen; undefined where there is nothing to choose.
export function describeSettings(product, game) {
  const chosen = [...Object.keys(product.settings), "region"].filter((name) => game.settings[name] !== undefined);
  if (chosen.length === 0) return undefined;
  // Of the game's own language, whatever the page's.
  const parts = chosen.map((name) => element("bdi", {}, t("setting", { name: titleOf(name), value: textOf(game.settings[name]) })));
  return element("span", { class: "settings" }, ...parts);
}
