// What the page asks of varcade. Every answer is kept with its ETag: a body that has not changed is
// not sent again, and poll() tells its caller of changes alone.

const REFUSED = 10000; // ms before it is asked again for what makes no sense or is not there

export class Problem extends Error {
  constructor(status, detail, members) {
    super(detail);
    this.status = status;
    this.members = members; // of the answer: some problems tell more
  }

  // Whether it would be the same if asked again at once.
  get lasting() {
    return this.status < 500 && this.status !== 429;
  }
}

async function ask(path, options) {
  const answer = await fetch(path, options);
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    throw new Problem(answer.status, problem.detail ?? answer.statusText, problem);
  }
  return answer.text();
}

function bearer(token) {
  return token === undefined ? {} : { Authorization: `Bearer ${token}` };
}

function get(path, signal, token) {
  // no-cache: the browser asks each time whether its copy still holds, by ETag.
  return ask(path, { cache: "no-cache", signal, headers: bearer(token) });
}

// where(["stats", "exrps", "7"], {…}) is a path; settings that are undefined are left out.
function where(parts, settings = {}) {
  const given = new URLSearchParams(Object.entries(settings).filter(([, value]) => value !== undefined));
  return "/" + parts.map(encodeURIComponent).join("/") + (given.size > 0 ? "?" + given : "");
}

export const paths = {
  products: () => "/products",
  // Without `at`, `limit` and `offset` this is a snapshot, a file.
  board: (product, board, settings) => where(["leaderboards", product, board], settings),
  place: (product, board, user, settings) => where(["leaderboards", product, board, "players", user], settings),
  player: (product, user, settings) => where(["players", product, user], settings),
  search: (product, text) => where(["players", product], { search: text }),
  lobby: (product, ...what) => where(["game_lobby", product, ...what]),
  // tickets("exrps") is all of them, tickets("exrps", [ticket]) one.
  tickets: (product, parts = [], settings) => where(["matchmaking", product, "tickets", ...parts], settings),
  openGames: (product, wanted) =>
    where(["game_lobby", product, "open_games"], {
      count: 25,
      ...Object.fromEntries(Object.entries(wanted).map(([name, value]) => [`settings.${name}`, value])),
    }),
};

export async function load(path, token, signal) {
  return JSON.parse(await get(path, signal, token));
}

// What changes something; `body` becomes JSON.
export async function send(method, path, body, token) {
  const text = await ask(path, {
    method,
    body: body === undefined ? undefined : JSON.stringify(body),
    headers: { "Content-Type": "application/json", ...bearer(token) },
    signal: AbortSignal.timeout(15000),
  });
  return text === "" ? undefined : JSON.parse(text);
}

// Calls change(value) at once and whenever the answer is another one, and change(undefined) where it is
// the same; fail(error, age in ms of what was shown last) when there is none. Asks every `pause`
// ms, and not while the page is hidden. Returns the function that ends it.
export function poll(path, pause, change, fail, token) {
  const ended = new AbortController();
  let last;
  let lastAt = Date.now();
  let timer;
  let asking = false;

  async function look() {
    let next = pause;
    clearTimeout(timer);
    if (document.hidden || asking || ended.signal.aborted) return;
    asking = true;
    try {
      const text = await get(path, AbortSignal.any([ended.signal, AbortSignal.timeout(5000)]), token);
      const again = text === last;
      last = text;
      lastAt = Date.now();
      change(again ? undefined : JSON.parse(text));
    } catch (error) {
      if (error instanceof Problem && error.lasting) next = Math.max(pause, REFUSED);
      if (!ended.signal.aborted) fail(error, last === undefined ? undefined : Date.now() - lastAt);
    }
    asking = false;
    if (!ended.signal.aborted) timer = setTimeout(look, next);
  }

  document.addEventListener("visibilitychange", look, { signal: ended.signal });
  look();
  return () => {
    clearTimeout(timer);
    ended.abort();
  };
}
