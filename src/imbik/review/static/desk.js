// What every page of the desk does alike: ask until somebody answers, do one thing at a time, say what became of it, show
// how far the work is, and keep the row while its reader is there.
import { Refused, ask, byId, say, words } from "./base.js";
import { element } from "./nodes.js";

const RETRY = 2000;
const ALIVE = 60_000;
const SAVING = ["/api/decide", "/api/choose"];
let doing = false;

const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export const busy = () => doing;

// A new element each time, so that the same words are seen, and said by a screen reader, again.
export function tell(text) {
  byId("told").replaceChildren(...(text ? [element("span", {}, text)] : []));
}

function trouble(text) {
  byId("trouble").textContent = text;
  byId("trouble").hidden = !text;
}

// Ask until somebody answers; what the server will not do is told once. Nothing typed is lost meanwhile.
export async function patient(path, body) {
  for (;;) {
    try {
      const answer = await ask(path, body);
      trouble("");
      return answer;
    } catch (error) {
      if (error instanceof Refused && error.status === 401) trouble(words.session_over);
      if (error instanceof Refused && error.status !== 507 && error.status < 500) throw error;
      trouble(error instanceof Refused ? words.disk : SAVING.includes(path) ? words.saving_failed : words.unreachable);
      await wait(RETRY);
    }
  }
}

// One thing at a time: a key pressed while the last one is being saved does nothing. `another` shows another row, with
// why the one that was there is gone.
export async function once(work, another) {
  if (doing) return;
  doing = true;
  byId("actions").setAttribute("aria-busy", "true");
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401) return;
    if (["taken", "judged", "gone"].includes(error.why)) await another(words[error.why]);
    else if (error.why === "nothing") tell(words.nothing_to_undo);
    else trouble(say("refused", { why: error.why }));
  } finally {
    doing = false;
    byId("actions").removeAttribute("aria-busy");
  }
}

export function progress(now) {
  const number = (value) => value.toLocaleString(document.documentElement.lang);
  byId("mine").textContent = say("yours", { judged: number(now.judged), open: number(now.open + now.aside) });
  byId("all").textContent = say("all_verdicts", { there: number(now.there), wanted: number(now.wanted) });
  const bar = byId("bar");
  bar.setAttribute("aria-valuemax", String(Math.max(now.wanted, 1)));
  bar.setAttribute("aria-valuenow", String(now.there));
  bar.setAttribute("aria-valuetext", byId("all").textContent);
  byId("bar-mine").style.inlineSize = `${(100 * now.there) / Math.max(now.wanted, 1)}%`;
}

// Keep the row that `row()` gives while its page is open; where it was given away and nothing is being written, `next`.
export function stay(row, writing, next) {
  window.addEventListener("pagehide", () => {
    ask("/api/leave", {}, { keepalive: true }).catch(() => {});
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
  setInterval(async () => {
    if (!row() || doing || document.hidden) return;
    try {
      const { held } = await ask("/api/still", { content: row().content });
      if (!held && !writing()) await next();
    } catch {
      // the next key will say what is wrong
    }
  }, ALIVE);
}
