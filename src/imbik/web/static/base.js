// What every page needs: its words, its proof of being ours, asking the server, and the two choices of a reader.
export const words = JSON.parse(document.getElementById("words").textContent);

export function say(key, values = {}) {
  return words[key].replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

export function byId(id) {
  return document.getElementById(id);
}

const proof = document.querySelector("meta[name=imbik-page]").content;
const tab = String(crypto.getRandomValues(new Uint32Array(2))); // tells this page from others of the same browser

export class Refused extends Error {
  constructor(status, why) {
    super(why);
    this.status = status;
    this.why = why;
  }
}

// Ask the API. Throws Refused for an answer that is a refusal, and TypeError where nobody answers.
export async function ask(path, body = {}, more = {}) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json", "x-imbik-page": proof, "x-imbik-tab": tab },
    body: JSON.stringify(body),
    ...more,
  });
  let said = {};
  try {
    said = await answer.json();
  } catch {
    // a refusal of the guard is plain text
  }
  if (!answer.ok) throw new Refused(answer.status, said.why ?? String(answer.status));
  return said;
}

export function remember(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // a browser without storage forgets
  }
}

export function remembered(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

// Language and appearance (the device's, light, dark, in turn), where a page has them.
export function readersChoices() {
  byId("language")?.addEventListener("change", (event) => {
    document.cookie = `imbik-language=${event.target.value}; Max-Age=31536000; Path=/; SameSite=Strict`;
    location.reload();
  });
  const theme = byId("theme");
  if (!theme) return;
  const name = () => {
    const chosen = words[`theme_${document.documentElement.dataset.theme ?? "auto"}`];
    theme.setAttribute("aria-label", `${words.theme}: ${chosen}`);
    theme.title = `${words.theme}: ${chosen}`;
  };
  theme.addEventListener("click", () => {
    const chosen = { light: "dark", dark: null }[document.documentElement.dataset.theme ?? "none"];
    const next = chosen === undefined ? "light" : chosen;
    remember("imbik-theme", next);
    if (next) document.documentElement.dataset.theme = next;
    else delete document.documentElement.dataset.theme;
    name();
  });
  name();
}
