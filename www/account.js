// Who looks at the page: the token that a portal of the same origin has put into localStorage, or that the
// demo's sign-in gave. The latter is each window's own (sessionStorage), so that two windows are two players.

import { send } from "./api.js";

const TOKEN = "varcade.token";

// What this site has besides varcade (site.json): where one signs in, and by product the module that plays it.
export let site = { sign_in: null, play: {} };

export async function loadSite() {
  const answer = await fetch("site.json", { cache: "no-cache" });
  if (answer.ok) site = { ...site, ...(await answer.json()) };
}

// Storage is refused to pages in some frames: then nobody is signed in.
function stores() {
  try {
    return [sessionStorage, localStorage];
  } catch {
    return [];
  }
}

// What the token says of its player; whether it is good is the server's business.
function claims(token) {
  try {
    const part = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    const bytes = Uint8Array.from(atob(part), (letter) => letter.charCodeAt(0));
    const { user_id, username, exp } = JSON.parse(new TextDecoder().decode(bytes));
    return exp !== undefined && exp * 1000 < Date.now() ? undefined : { user_id: String(user_id), username, token };
  } catch {
    return undefined;
  }
}

// {user_id, username, token}, or undefined.
export function account() {
  return stores()
    .map((store) => claims(store.getItem(TOKEN)))
    .find((player) => player !== undefined);
}

export async function signIn(name) {
  const { token } = await send("POST", site.sign_in, { name });
  sessionStorage.setItem(TOKEN, token);
}

export function signOut() {
  for (const store of stores()) store.removeItem(TOKEN);
}
