// Two answers side by side, a key for each choice, the next pair only once the server has saved.
import { Refused, ask, byId, readersChoices, say, words } from "./base.js";
import { element } from "./nodes.js";
import { text } from "./sheet.js";

const state = { row: null, busy: false, since: 0, past: [] };
const RETRY = 2000;
const ALIVE = 60_000;
const SIDES = ["left", "right"];

const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function tell(said) {
  byId("told").replaceChildren(...(said ? [element("span", {}, said)] : []));
}

function trouble(said) {
  byId("trouble").textContent = said;
  byId("trouble").hidden = !said;
}

// Ask until somebody answers; what the server will not do is told once. Nothing typed is lost meanwhile.
async function patient(path, body) {
  for (;;) {
    try {
      const answer = await ask(path, body);
      trouble("");
      return answer;
    } catch (error) {
      if (error instanceof Refused && error.status === 401) trouble(words.session_over);
      if (error instanceof Refused && error.status !== 507 && error.status < 500) throw error;
      trouble(error instanceof Refused ? words.disk : path === "/api/choose" ? words.saving_failed : words.unreachable);
      await wait(RETRY);
    }
  }
}

// One thing at a time: a key pressed while the last one is being saved does nothing.
async function once(work) {
  if (state.busy) return;
  state.busy = true;
  byId("actions").setAttribute("aria-busy", "true");
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401) return;
    if (["taken", "judged", "gone"].includes(error.why)) turn(await patient("/api/next", { another: true }), words[error.why]);
    else if (error.why === "nothing") tell(words.nothing_to_undo);
    else trouble(say("refused", { why: error.why }));
  } finally {
    state.busy = false;
    byId("actions").removeAttribute("aria-busy");
  }
}

function turn(found, told = "") {
  state.row = found.row;
  state.since = performance.now();
  if (found.row) show(found.row);
  byId("sheet").hidden = !found.row;
  byId("loading").hidden = true;
  byId("done").hidden = Boolean(found.row);
  byId("done-hidden").hidden = !found.hidden;
  byId("done-hidden").textContent = say("done_hidden", { n: found.hidden });
  byId("look-aside").hidden = !found.progress.aside;
  byId("look-aside").textContent = say("done_aside", { n: found.progress.aside });
  for (const name of [...SIDES, "tie", "skip"]) byId(`do-${name}`).disabled = !found.row;
  progress(found.progress);
  tell(told);
  window.scrollTo(0, 0);
  byId("row").focus({ preventScroll: true });
}

function show(row) {
  const asked = byId("question");
  asked.replaceChildren();
  for (const one of row.turns) {
    const said = element("div", { class: `turn ${one.role}` });
    if (row.turns.length > 1) asked.append(element("p", { class: "role" }, words[`role_${one.role}`]));
    text(said, one.text);
    asked.append(said);
  }
  text(byId("passage"), row.passage);
  byId("passage-part").hidden = !row.passage.length;
  for (const side of SIDES) {
    text(byId(`${side}-answer`), row[side].answer);
    text(byId(`${side}-reasoning`), row[side].reasoning);
    byId(`${side}-reasoning`).hidden = !row[side].reasoning.length;
  }
  for (const place of document.querySelectorAll(".text")) place.lang = row.language;
  byId("category").textContent = row.category;
  byId("category").hidden = !row.category;
  byId("before").hidden = !row.said;
  byId("before").textContent = row.said ? `${words.before}: ${words[`chose_${row.said.prefers}`]} ${row.said.reason}` : "";
  byId("why").value = row.said?.reason ?? "";
}

function progress(now) {
  const number = (value) => value.toLocaleString(document.documentElement.lang);
  byId("mine").textContent = say("yours", { judged: number(now.judged), open: number(now.open + now.aside) });
  byId("all").textContent = say("all_verdicts", { there: number(now.there), wanted: number(now.wanted) });
  const bar = byId("bar");
  bar.setAttribute("aria-valuemax", String(Math.max(now.wanted, 1)));
  bar.setAttribute("aria-valuenow", String(now.there));
  bar.setAttribute("aria-valuetext", byId("all").textContent);
  byId("bar-mine").style.inlineSize = `${(100 * now.there) / Math.max(now.wanted, 1)}%`;
}

const choose = (prefers) =>
  once(async () => {
    if (!state.row) return;
    const { content, previous } = state.row;
    const seconds = (performance.now() - state.since) / 1000;
    const found = await patient("/api/choose", { content, previous, prefers, reason: byId("why").value.trim(), seconds });
    state.past.push(content);
    turn(found, words[`chose_${prefers}`]);
  });

const skip = () =>
  once(async () => {
    if (!state.row) return;
    const { content } = state.row;
    const found = await patient("/api/skip", { content });
    state.past.push(content);
    turn(found, words.skipped);
  });

const undo = () =>
  once(async () => {
    const found = await patient("/api/undo", { content: state.past.at(-1) ?? "" });
    state.past.pop();
    turn(found, words.undone);
  });

const KEYS = {
  arrowleft: () => choose("left"), 1: () => choose("left"), arrowright: () => choose("right"), 2: () => choose("right"),
  t: () => choose("tie"), 0: () => choose("tie"), s: skip, u: undo, n: () => byId("why").focus(),
  "?": () => byId("help").showModal(),
};

function onKey(event) {
  if (event.isComposing || byId("help").open || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.matches("select")) return;
  if (event.target === byId("why")) {
    if (event.key === "Escape" || event.key === "Enter") byId("row").focus({ preventScroll: true });
    return;
  }
  const action = KEYS[event.key.toLowerCase()];
  if (!action) return;
  event.preventDefault();
  action();
}

async function stillHere() {
  if (!state.row || state.busy || document.hidden) return;
  try {
    const { held } = await ask("/api/still", { content: state.row.content });
    if (!held && !byId("why").value) await once(async () => turn(await patient("/api/next", {})));
  } catch {
    // the next key will say what is wrong
  }
}

readersChoices();
document.addEventListener("keydown", onKey);
for (const name of [...SIDES, "tie"]) byId(`do-${name}`).addEventListener("click", () => choose(name));
byId("do-skip").addEventListener("click", skip);
byId("do-undo").addEventListener("click", undo);
byId("open-help").addEventListener("click", KEYS["?"]);
byId("look-aside").addEventListener("click", () => once(async () => turn(await patient("/api/again", {}))));
window.addEventListener("pagehide", () => {
  ask("/api/leave", {}, { keepalive: true }).catch(() => {});
});
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
setInterval(stillHere, ALIVE);
await once(async () => turn(await patient("/api/next", {})));
