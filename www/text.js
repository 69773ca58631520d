// What the page says, in the reader's language: lang/LANGUAGE.json has every text. Another language
// is another file and a line here.

export const languages = { en: "English", de: "Deutsch", ar: "العربية" };

const STORED = "varcade.language";

// Until there is a language, and where none can be had.
let texts = { away: "The server cannot be reached. Trying again…" };
let plural = new Intl.PluralRules("en");
let decimal = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
let moment = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
let day = new Intl.DateTimeFormat("en", { dateStyle: "medium" });
let clock = new Intl.DateTimeFormat("en", { timeStyle: "short" });
let relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
let seconds = unit("en", "second");
let minutes = unit("en", "minute");

function unit(tag, name) {
  return new Intl.NumberFormat(tag, { style: "unit", unit: name, unitDisplay: "short", maximumFractionDigits: 0 });
}

// The language that is asked for (?lang=de), was chosen before, or is the browser's first one here.
function chosen() {
  const wanted = [new URLSearchParams(location.search).get("lang"), stored(), ...navigator.languages];
  return wanted.map((tag) => tag?.split("-")[0]).find((tag) => Object.hasOwn(languages, tag)) ?? "en";
}

function stored() {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null; // storage is refused to pages in some frames
  }
}

export function chooseLanguage(tag) {
  try {
    localStorage.setItem(STORED, tag);
  } catch {
    // Then it holds for this visit only.
  }
  const url = new URL(location.href);
  url.searchParams.set("lang", tag);
  location.replace(url);
}

export async function loadTexts() {
  const tag = chosen();
  const answer = await fetch(`lang/${tag}.json`, { cache: "no-cache" });
  if (!answer.ok) throw new Error(`lang/${tag}.json: ${answer.status}`);
  texts = await answer.json();
  plural = new Intl.PluralRules(tag);
  decimal = new Intl.NumberFormat(tag, { maximumFractionDigits: 1 });
  moment = new Intl.DateTimeFormat(tag, { dateStyle: "medium", timeStyle: "short" });
  day = new Intl.DateTimeFormat(tag, { dateStyle: "medium" });
  clock = new Intl.DateTimeFormat(tag, { timeStyle: "short" });
  relative = new Intl.RelativeTimeFormat(tag, { numeric: "auto", style: "short" });
  seconds = unit(tag, "second");
  minutes = unit(tag, "minute");
  document.documentElement.lang = tag;
  document.documentElement.dir = texts.direction;
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = t(node.dataset.text);
  for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", t(node.dataset.label));
  return tag;
}

// Further texts, of a part that is not always there.
export async function addTexts(folder) {
  const answer = await fetch(`${folder}${document.documentElement.lang}.json`, { cache: "no-cache" });
  Object.assign(texts, await answer.json());
}

const FROM_THE_RIGHT = /[\u0590-\u08ff\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

// A name may be written in the other direction than the words around it: neither moves the other about.
function apart(text) {
  return texts.direction === "rtl" || FROM_THE_RIGHT.test(text) ? `\u2068${text}\u2069` : text;
}

// The text of that name. {value} stands for values.value, numbers as the language writes them; a text in
// several forms ({"one": …, "other": …}) is chosen by values.count.
export function t(name, values = {}) {
  let text = texts[name] ?? name;
  if (typeof text === "object") text = text[plural.select(values.count)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (whole, key) =>
    key in values ? (typeof values[key] === "number" ? number(values[key]) : apart(String(values[key]))) : whole,
  );
}

// What went wrong, for who asked for it: in the reader's language where it is something that happens.
export function said(error) {
  if (error.status === undefined) return error instanceof TypeError || error.name === "TimeoutError" ? t("busy") : error.message;
  if (error.status === 401) return t("signed-out");
  if (error.status === 429) return t("too-many");
  if (error.status === 503) return t("busy");
  if (/window is no longer kept|no season at that time/.test(error.message)) return t("window-gone");
  if (/window has not begun/.test(error.message)) return t("window-ahead");
  if (/No party has this code|The party is full/.test(error.message)) return t("party-gone");
  if (/game not found|no longer available|already in it|is full|Required state/.test(error.message)) return t("game-gone");
  return error.message;
}

export function number(value) {
  return decimal.format(value);
}

export function dateTime(value) {
  return moment.format(new Date(value));
}

// A day, as it is called in a time zone; without one, in the reader's.
export function date(value, timeZone) {
  return timeZone === undefined
    ? day.format(new Date(value))
    : new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeZone }).format(new Date(value));
}

export function time(value) {
  return clock.format(new Date(value));
}

// "12 sec", "5 min".
export function duration(ms) {
  return ms < 120e3 ? seconds.format(Math.max(0, ms / 1000)) : minutes.format(ms / 60e3);
}

// "5 min. ago".
export function ago(value) {
  const away = (new Date(value) - Date.now()) / 1000;
  for (const [name, length] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (Math.abs(away) >= length) return relative.format(Math.trunc(away / length), name);
  }
  return relative.format(Math.min(0, Math.trunc(away)), "second");
}
