// One row on the page: its texts, the marks in them, what the checks say, and the scores that the reader gives.
import { byId, say, words } from "./base.js";
import { build, element, fill } from "./nodes.js";
import { diff } from "./diff.js";
import { marks } from "./marks.js";
import { plain } from "./unseen.js";

const STEP = 100_000; // characters of a long text that are added at once
const BLOCK = 2_000; // of them in a block of its own: a browser lays out one long block in the square of its length
const AROUND = 160; // of what an edit leaves as it is, shown on either side of a change

export function text(place, body) {
  place.replaceChildren();
  for (const node of body.nodes) place.append(build(node));
  for (const fault of place.querySelectorAll("code.latex")) fault.title = words.latex_source;
  place.classList.toggle("code", Boolean(body.code && body.length));
  if (!body.length) place.append(element("span", { class: "quiet" }, words.empty));
  if (body.rest) rest(place, body.rest);
}

// A button that adds the next part of a long text, until all is there.
function rest(place, left) {
  const more = element("button", { type: "button", class: "more" }, say("show_rest", { n: left.length.toLocaleString(document.documentElement.lang) }));
  more.addEventListener("click", () => {
    const end = STEP + (/[\ud800-\udbff]/.test(left[STEP - 1] ?? "") ? 1 : 0);
    more.remove();
    for (const part of left.slice(0, end).match(new RegExp(`[^]{1,${BLOCK}}`, "gu"))) place.append(element("div", {}, ...plain(part)));
    if (left.length > end) rest(place, left.slice(end));
  });
  place.append(more);
}

export function show(row) {
  const asked = byId("question");
  asked.replaceChildren();
  for (const turn of row.turns) {
    const said = element("div", { class: `turn ${turn.role}` });
    if (row.turns.length > 1) asked.append(element("p", { class: "role" }, words[`role_${turn.role}`]));
    text(said, turn.text);
    asked.append(said);
  }
  for (const part of ["passage", "reasoning", "answer"]) text(byId(part), row[part]);
  byId("passage-part").hidden = !row.passage.length;
  byId("reasoning-part").hidden = !row.reasoning.length;
  byId("sheet").classList.toggle("with-passage", row.passage.length > 0);
  for (const place of document.querySelectorAll(".text, .editor textarea, #category")) place.lang = row.language;
  byId("category").textContent = row.category;
  byId("category").hidden = !row.category;
  checks(row);
  before(row);
  marks();
  byId("done").hidden = true;
  byId("loading").hidden = true;
  byId("sheet").hidden = false;
}

// Checks that ship are named in the reader's language, with the name that the recipe has for them.
export function checkName(by) {
  if (by === "samples") return words.samples;
  const name = words[`check_${by.replace(/-\d+$/, "")}`]; // the second of a kind is called `grounded-2`
  return !name || name === by ? by : `${name} (${by})`;
}

// A reason in the page's language, where the server knows it. Others are in English, whatever the page speaks; those of
// judges and of others' own checks are as they are.
function why(check) {
  const { lang } = document.documentElement;
  const said = check.worded[lang] ?? check.reason;
  const spoken = check.worded[lang] ? lang : ["judge", "custom"].includes(check.by.replace(/-\d+$/, "")) ? "" : "en";
  const place = element("span", { class: "why", lang: spoken });
  fill(place, said.nodes);
  return place;
}

const number = (value) => value.toLocaleString(document.documentElement.lang, { maximumFractionDigits: 3 });

function checks(row) {
  byId("checks-part").hidden = !row.checks.length;
  const doubted = row.doubted.map(checkName).join(", ");
  byId("about").textContent = [
    row.teacher && `${words.teacher}: ${row.teacher}`,
    doubted && `${words.doubted_by}: ${doubted}`,
  ].filter(Boolean).join(" · ");
  byId("checks").replaceChildren(
    ...row.checks.map((check) => {
      const word = check.objects ? words.check_objects : words.check_passed;
      const line = element("li", {}, element("span", { class: check.objects ? "no" : "yes" }, `${check.objects ? "✗" : "✓"} ${word}`), ` ${checkName(check.by)}`);
      if (check.score !== undefined && check.score !== null) line.append(` · ${words.score} ${number(check.score)}`);
      if (check.reason.length) line.append(": ", why(check));
      return line;
    }),
  );
}

function before(row) {
  const place = byId("before");
  place.hidden = !row.said;
  if (!row.said) return;
  const edited = row.said.answer !== null || row.said.reasoning !== null;
  const verdict = row.said.keep ? (edited ? words.edited : words.kept) : words.rejected;
  place.replaceChildren(`${words.before}: ${verdict} `, ...plain(row.said.reason));
  if (row.said.keep && edited) {
    const changed = element("span", { class: "text changes" });
    if (row.said.reasoning !== null) changes(changed, row.edit.reasoning, row.said.reasoning);
    if (row.said.answer !== null) changes(changed, row.edit.answer, row.said.answer);
    place.append(changed);
  }
}

export function changes(place, before, after) {
  const steps = diff(before, after);
  steps.forEach(([kind, said], number) => {
    if (kind === " ") place.append(...plain(near(said, number > 0, number < steps.length - 1)));
    else place.append(element(kind === "-" ? "del" : "ins", {}, ...plain(said)));
  });
}

// Of a long stretch that stays as it is, what lies beside a change.
function near(said, changeBefore, changeAfter) {
  if (said.length <= 3 * AROUND) return said;
  return `${changeBefore ? said.slice(0, AROUND) : ""} … ${changeAfter ? said.slice(-AROUND) : ""}`;
}

export function scores() {
  const given = {};
  for (const set of document.querySelectorAll("fieldset[data-criterion]")) {
    const chosen = set.querySelector("input:checked");
    if (chosen) given[set.dataset.criterion] = Number(chosen.value);
  }
  return given;
}

export function setScores(given) {
  for (const set of document.querySelectorAll("fieldset[data-criterion]")) {
    for (const input of set.querySelectorAll("input")) input.checked = given[set.dataset.criterion] === Number(input.value);
  }
}

// The first criterion without a score takes it; once all have one, the last.
export function score(point) {
  const sets = [...document.querySelectorAll("fieldset[data-criterion]")];
  const open = sets.find((set) => !set.querySelector("input:checked")) ?? sets.at(-1);
  const input = open?.querySelector(`input[value="${point}"]`);
  if (input) input.checked = true;
}
