// What the page asks of varcade. Every answer is kept with its ETag: a body that has not changed is
// not sent again, and poll() tells its caller of changes alone.

export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

async function get(path, signal) {
  // no-cache: the browser asks each time whether its copy still holds, by ETag.
  const answer = await fetch(path, { cache: "no-cache", signal });
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    throw new Problem(answer.status, problem.detail ?? answer.statusText);
  }
  return answer.text();
}

const part = encodeURIComponent;

export const paths = {
  products: () => "/products",
  board: (product, board) => `/leaderboards/${part(product)}/${part(board)}`,
  stats: (product, user) => `/stats/${part(product)}/${part(user)}`,
};

export async function load(path) {
  return JSON.parse(await get(path));
}

// Calls change(value) at once and whenever the answer is another one, and fail(error, age in ms of
// what was shown last) when there is none. Asks every `pause` ms, and not while the page is hidden.
// Returns the function that ends it.
export function poll(path, pause, change, fail) {
  const ended = new AbortController();
  let last;
  let lastAt = Date.now();
  let timer;

  async function ask() {
    clearTimeout(timer);
    if (document.hidden || ended.signal.aborted) return;
    try {
      const text = await get(path, AbortSignal.any([ended.signal, AbortSignal.timeout(5000)]));
      const again = text === last;
      last = text;
      lastAt = Date.now();
      change(again ? undefined : JSON.parse(text));
    } catch (error) {
      if (ended.signal.aborted) return;
      fail(error, last === undefined ? undefined : Date.now() - lastAt);
    }
    clearTimeout(timer);
    timer = setTimeout(ask, pause);
  }

  document.addEventListener("visibilitychange", ask, { signal: ended.signal });
  ask();
  return () => {
    clearTimeout(timer);
    ended.abort();
  };
}
