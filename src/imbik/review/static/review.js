// The reviewer's desk: one row at a time, a key for each decision, the next row only once the server has saved.
import { byId, readersChoices, say, words } from "./base.js";
import { busy, once as oneAtATime, patient, progress, stay, tell } from "./desk.js";
import { element } from "./nodes.js";
import { anyFilter, clearFilters, filters, loadFilters, toggleFilters } from "./filters.js";
import { nextMark } from "./marks.js";
import { changes, score, scores, setScores, show } from "./sheet.js";
import { seen, unseen } from "./unseen.js";

// `drafts`: edits that were begun, by content.
const state = { row: null, since: 0, past: [], mode: "", drafts: new Map() };
const PARTS = ["reasoning", "answer"];

const wanted = (more = {}) => ({ ...filters(), ...more });

const another = async (told) => turn(await patient("/api/next", wanted({ another: true })), told);
const once = (work) => oneAtATime(work, another);

function turn(found, told = "") {
  state.row = found.row;
  state.since = performance.now();
  setMode("");
  setScores(found.row?.said?.scores ?? {});
  if (found.row) show(found.row);
  else nothingLeft(found);
  progress(found.progress);
  for (const name of ["keep", "edit", "reject", "skip"]) byId(`do-${name}`).disabled = !found.row;
  tell(told);
  window.scrollTo(0, 0);
  byId("passage").scrollTo?.(0, 0);
  if (document.activeElement === document.body || byId("row").contains(document.activeElement)) byId("row").focus({ preventScroll: true });
}

function nothingLeft(found) {
  byId("sheet").hidden = true;
  byId("loading").hidden = true;
  byId("done").hidden = false;
  const filtered = anyFilter();
  const none = !found.progress.visible && !found.hidden;
  const aside = found.progress.aside && !found.progress.open;
  byId("done-text").textContent = none ? words.done_none : filtered ? words.done_filtered : aside ? words.done_put : words.done_text;
  byId("done-hidden").hidden = !found.hidden;
  byId("done-hidden").textContent = say("done_hidden", { n: found.hidden });
  byId("look-aside").hidden = !found.progress.aside;
  byId("look-aside").textContent = say("done_aside", { n: found.progress.aside });
  byId("clear-filter").hidden = !filtered;
}

function remembering(content) {
  state.past.push(content);
  if (state.past.length > 200) state.past.shift();
}

function decide(keep, more, told) {
  return once(async () => {
    const { content, previous } = state.row;
    const body = {
      content, keep, previous, scores: scores(), seconds: (performance.now() - state.since) / 1000, wanted: wanted(), ...more,
    };
    const found = await patient("/api/decide", body);
    remembering(content);
    state.drafts.delete(content);
    turn(found, told);
  });
}

const keep = () => decide(true, {}, words.kept);

function reject(reason) {
  const said = reason.trim();
  if (said) return decide(false, { reason: said }, words.rejected);
  byId("reason").focus();
  return undefined;
}

// Texts as an area of a form holds them: with one kind of line ends, which alone is no edit.
const lines = (text) => text.replace(/\r\n?/g, "\n");

// The parts of the open row that the areas hold in other words, by name.
function edited() {
  const held = PARTS.map((name) => [name, byId(`edit-${name}`).value]);
  return Object.fromEntries(held.filter(([name, text]) => text !== lines(state.row.edit[name])));
}

function rewrite(text) {
  for (const name of PARTS) byId(`edit-${name}`).value = text(name);
  areasChanged();
  byId("edit-answer").focus();
}

function saveEdit() {
  const more = edited();
  return decide(true, more, Object.keys(more).length ? words.edited : words.kept);
}

const skip = () =>
  once(async () => {
    const { content } = state.row;
    const found = await patient("/api/skip", { content, wanted: wanted() });
    remembering(content);
    turn(found, words.skipped);
  });

const undo = () =>
  once(async () => {
    const found = await patient("/api/undo", { content: state.past.at(-1) ?? "" });
    state.past.pop();
    turn(found, words.undone);
  });

// Out of editing or rejecting, with what was typed kept for when the reader comes back to it.
function cancel() {
  if (state.mode === "edit") state.drafts.set(state.row.content, edited());
  setMode("");
}

// "", "edit" or "reject": what the lower part of the page is for.
function setMode(mode) {
  state.mode = mode;
  if (mode) tell("");
  byId("editor").hidden = mode !== "edit";
  byId("reject-part").hidden = mode !== "reject";
  byId("actions").hidden = mode !== "";
  for (const part of ["answer", "reasoning"]) byId(part).parentElement.classList.toggle("away", mode === "edit");
  if (mode === "edit") {
    const { content, edit, said } = state.row;
    const begun = state.drafts.get(content) ?? said ?? {};
    for (const name of PARTS) byId(`edit-${name}`).value = begun[name] ?? edit[name];
    byId("edit-reasoning-part").hidden = !edit.reasoning;
    areasChanged();
    byId("edit-answer").focus();
  }
  if (mode === "reject") {
    byId("reason").value = state.row.said && !state.row.said.keep ? state.row.said.reason : "";
    document.querySelector("[data-reason='1']").focus();
  }
  if (mode === "" && document.activeElement?.closest?.("[hidden]")) byId("row").focus({ preventScroll: true });
}

function areasChanged() {
  for (const name of PARTS) {
    const area = byId(`edit-${name}`);
    fit(area);
    const hidden = unseen(area.value);
    byId(`unseen-${name}`).hidden = !hidden.length;
    byId(`unseen-${name}-which`).textContent = say("unseen_there", { which: [...new Set(hidden)].slice(0, 12).join(", ") });
  }
  showChanges();
}

function fit(area) {
  area.style.blockSize = "auto";
  area.style.blockSize = `${Math.min(area.scrollHeight + 4, window.innerHeight * 0.6)}px`;
}

function showChanges() {
  const place = byId("changes");
  place.replaceChildren();
  for (const [name, now] of Object.entries(edited())) {
    const part = element("p", {}, element("span", { class: "role" }, words[name]), " ");
    changes(part, lines(state.row.edit[name]), now);
    place.append(part);
  }
  byId("original").hidden = !place.childNodes.length;
  if (!place.childNodes.length) place.append(element("span", { class: "quiet" }, words.no_changes));
}

const presets = () => [...document.querySelectorAll("[data-reason]")];
const presetText = (number) => words[`reason_${number}`];

function toggleChecks() {
  const part = byId("checks-part");
  part.open = !part.open;
  if (part.open) part.scrollIntoView({ block: "nearest" });
}

// Not while the last decision is being saved: the next row would close it again, and words typed would be keys.
function open(mode) {
  if (state.row && !busy()) setMode(mode);
}

const KEYS = {
  k: () => state.row && keep(),
  e: () => open("edit"),
  r: () => open("reject"),
  s: () => state.row && skip(),
  u: undo,
  m: nextMark,
  c: toggleChecks,
  f: toggleFilters,
  "?": () => byId("help").showModal(),
};

function typing(target) {
  return target.matches("textarea, select, input[type='text']");
}

function onKey(event) {
  if (event.isComposing || byId("help").open) return;
  if (event.key === "Escape" && state.mode) {
    event.preventDefault();
    cancel();
    return;
  }
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && state.mode === "edit") {
    event.preventDefault();
    saveEdit();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (state.mode === "reject") rejectKey(event);
  else if (!state.mode && !typing(event.target)) {
    const action = KEYS[event.key.toLowerCase()];
    if (action) {
      event.preventDefault();
      action();
    } else if (/^[1-5]$/.test(event.key) && state.row) score(event.key);
  }
}

// A digit is one of the reasons, any other letter begins one in the reader's own words.
function rejectKey(event) {
  const input = byId("reason");
  if (event.target === input && input.value) return;
  if (/^[1-9]$/.test(event.key) && Number(event.key) <= presets().length) {
    event.preventDefault();
    reject(presetText(event.key));
  } else if (event.key.length === 1 && event.key !== " " && event.target !== input) input.focus();
}

function listen() {
  document.addEventListener("keydown", onKey);
  byId("do-keep").addEventListener("click", keep);
  byId("do-edit").addEventListener("click", () => open("edit"));
  byId("do-reject").addEventListener("click", () => open("reject"));
  byId("do-skip").addEventListener("click", skip);
  byId("do-undo").addEventListener("click", undo);
  byId("cancel-edit").addEventListener("click", cancel);
  byId("cancel-reject").addEventListener("click", cancel);
  byId("open-help").addEventListener("click", KEYS["?"]);
  byId("open-filter").addEventListener("click", toggleFilters);
  byId("look-aside").addEventListener("click", () => once(async () => turn(await patient("/api/again", { wanted: wanted() }))));
  byId("clear-filter").addEventListener("click", clearFilters);
  byId("editor").addEventListener("submit", (event) => {
    event.preventDefault();
    saveEdit();
  });
  byId("editor").addEventListener("input", areasChanged);
  byId("original").addEventListener("click", () => rewrite((name) => state.row.edit[name]));
  for (const name of PARTS) {
    byId(`unseen-${name}-out`).addEventListener("click", () => rewrite((other) => (other === name ? seen : (text) => text)(byId(`edit-${other}`).value)));
  }
  window.addEventListener("beforeunload", (event) => {
    if (state.mode === "edit" && Object.keys(edited()).length) event.preventDefault();
  });
  byId("reject-part").addEventListener("submit", (event) => {
    event.preventDefault();
    reject(byId("reason").value);
  });
  for (const button of presets()) button.addEventListener("click", () => reject(presetText(button.dataset.reason)));
  stay(() => state.row, () => state.mode, () => once(async () => turn(await patient("/api/next", wanted()))));
}

readersChoices();
listen();
await once(async () => {
  await loadFilters(() => once(async () => turn(await patient("/api/next", wanted({ another: true })))));
  turn(await patient("/api/next", wanted()));
});
