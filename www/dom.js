// What the page is made of: elements, links, and the few patterns that every view has.

import { t } from "./text.js";

// element("td", {class: "rank"}, "1", …): text is always text, never markup.
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

// address("exrps", ["board", "wins"], {window: "daily"}) is "#/exrps/board/wins?window=daily";
// settings that are undefined are left out.
export function address(product, tail = [], settings = {}) {
  const given = new URLSearchParams(Object.entries(settings).filter(([, value]) => value !== undefined));
  const query = given.size > 0 ? "?" + given : "";
  return "#/" + [product, ...tail].map(encodeURIComponent).join("/") + query;
}

export function link(href, text, attributes = {}) {
  return element("a", { href, ...attributes }, text);
}

export function button(text, act, kind) {
  const made = element("button", { type: "button", class: kind }, text);
  made.addEventListener("click", act);
  return made;
}

// act() is called when it is sent, which the browser allows where every field holds what it may.
export function form(attributes, act, ...children) {
  const made = element("form", attributes, ...children);
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    act();
  });
  return made;
}

export function labelled(text, control) {
  return element("div", { class: "labelled" }, element("label", { for: control.id }, text), control);
}

export function checkbox(id, text) {
  const box = element("input", { type: "checkbox", id });
  return { node: element("p", { class: "check" }, box, element("label", { for: id }, text)), box };
}

// A title with a value below it, for a list of class `stats`.
export function figure(title, value, note) {
  return element("div", {}, element("dt", {}, title), element("dd", {}, value, note && element("small", {}, note)));
}

// A row of links of which one is where we are.
export function tabs(label, links) {
  return element("nav", { class: "tabs", "aria-label": label }, ...links);
}

export function tab(href, text, current) {
  return link(href, text, { "aria-current": current ? "page" : undefined });
}

// Text for those who hear the page.
export function spoken(text) {
  return element("span", { class: "spoken" }, text);
}

// A table that is empty so far: headings are pairs of a key of the language's file and a class.
export function table(caption, headings, body) {
  return element(
    "table",
    {},
    element("caption", {}, caption),
    element(
      "thead",
      {},
      element("tr", {}, ...headings.map(([key, kind]) => element("th", { scope: "col", class: kind }, t(key)))),
    ),
    body,
  );
}

// Puts children into parent in this order. Those that stay where they are keep the focus and what is
// selected in them; one that has to move and had the focus gets it again.
export function arrange(parent, children) {
  const focused = parent.contains(document.activeElement) ? document.activeElement : undefined;
  for (const old of [...parent.children]) {
    if (!children.includes(old)) old.remove();
  }
  children.forEach((child, i) => {
    if (parent.children[i] !== child) parent.insertBefore(child, parent.children[i] ?? null);
  });
  if (focused?.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true });
}

// Changes an element's text, where it is another one.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
