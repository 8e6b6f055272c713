// Two answers side by side, a key for each choice, the next pair only once the server has saved.
import { byId, readersChoices, say, words } from "./base.js";
import { once as oneAtATime, patient, progress, stay, tell } from "./desk.js";
import { element } from "./nodes.js";
import { text } from "./sheet.js";

const state = { row: null, since: 0, past: [] };
const SIDES = ["left", "right"];

const another = async (told) => turn(await patient("/api/next", { another: true }), told);
const once = (work) => oneAtATime(work, another);

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
  for (const place of document.querySelectorAll(".text, #category")) place.lang = row.language;
  byId("category").textContent = row.category;
  byId("category").hidden = !row.category;
  byId("before").hidden = !row.said;
  byId("before").textContent = row.said ? `${words.before}: ${words[`chose_${row.said.prefers}`]} ${row.said.reason}` : "";
  byId("why").value = row.said?.reason ?? "";
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

readersChoices();
document.addEventListener("keydown", onKey);
for (const name of [...SIDES, "tie"]) byId(`do-${name}`).addEventListener("click", () => choose(name));
byId("do-skip").addEventListener("click", skip);
byId("do-undo").addEventListener("click", undo);
byId("open-help").addEventListener("click", KEYS["?"]);
byId("look-aside").addEventListener("click", () => once(async () => turn(await patient("/api/again", {}))));
stay(() => state.row, () => byId("why").value, () => once(async () => turn(await patient("/api/next", {}))));
await once(async () => turn(await patient("/api/next", {})));
