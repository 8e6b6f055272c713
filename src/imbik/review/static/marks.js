// What checks marked in a row: marks of one number light up together, the passage moves to where its part can be seen, and
// what nothing supports looks and sounds otherwise than what something does.
import { byId, words } from "./base.js";
import { element } from "./nodes.js";

const KINDS = ["noted", "backed", "doubted"]; // of a stretch that is marked more than once, the last one is seen
const names = (mark) => mark.dataset.mark.split(" ");
const kindOf = (mark) => KINDS.findLast((kind) => mark.classList.contains(kind));
const inPassage = (mark) => byId("passage").contains(mark);
let stops = [];

export function marks() {
  const all = [...document.querySelectorAll("#sheet mark")];
  const [said, reached] = [new Set(), new Set()];
  stops = [];
  for (const mark of all) {
    const partners = all.filter((other) => names(other).some((name) => names(mark).includes(name)));
    const there = partners.filter((other) => inPassage(other) !== inPassage(mark));
    name(mark, said);
    light(mark, partners, there);
    if (inPassage(mark)) continue;
    const more = names(mark).filter((one) => !reached.has(one) && there.some((part) => names(part).includes(one)));
    more.forEach((one) => reached.add(one));
    if (more.length) stop(mark, there);
  }
  stops.forEach((mark, at) => { mark.tabIndex = at ? -1 : 0; });
  legend(all.filter((mark) => !inPassage(mark)));
}

// Said before the words that it lies on, once where a mark is in pieces (`::before` in review.css), and shown above them.
function name(mark, said) {
  const kind = kindOf(mark);
  if (!kind) return;
  mark.title = [words[`mark_${kind}`], mark.title].filter(Boolean).join(" · ");
  if (kind === "doubted" && !names(mark).every((one) => said.has(one))) mark.dataset.said = words.mark_said;
  names(mark).forEach((one) => said.add(one));
}

function light(mark, partners, there) {
  const lit = (on) => partners.forEach((other) => other.classList.toggle("lit", on));
  const go = () => {
    lit(true);
    there[0]?.scrollIntoView({ block: "nearest" });
  };
  mark.addEventListener("mouseenter", () => lit(true));
  mark.addEventListener("mouseleave", () => lit(false));
  mark.addEventListener("blur", () => lit(false));
  mark.addEventListener("focus", go);
  mark.addEventListener("click", go);
  mark.classList.toggle("linked", there.length > 0);
}

// One stop of the Tab key for all marks; the arrows go from one to the next. A screen reader reads what supports it.
function stop(mark, there) {
  there.forEach((part, at) => { part.id ||= `part-${names(part).join("-")}-${at}`; });
  mark.setAttribute("aria-describedby", there.map((part) => part.id).join(" "));
  stops.push(mark);
  mark.addEventListener("keydown", (event) => {
    const at = stops.indexOf(mark);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: stops.length - 1 }[event.key];
    if (to === undefined || !stops[to]) return;
    event.preventDefault();
    enter(stops[to]);
  });
}

function enter(mark) {
  stops.forEach((other) => { other.tabIndex = other === mark ? 0 : -1; });
  mark.focus();
}

// The mark after the one that has the focus, the first after the last.
export function nextMark() {
  if (stops.length) enter(stops[(stops.indexOf(document.activeElement) + 1) % stops.length]);
}

function legend(seen) {
  const kinds = KINDS.filter((kind) => seen.some((mark) => kindOf(mark) === kind));
  byId("legend").hidden = !kinds.length;
  byId("legend").replaceChildren(
    ...kinds.map((kind) => element("li", {}, element("span", { class: `swatch ${kind}`, "aria-hidden": "true" }, "abc"), ` ${words[`mark_${kind}`]}`)),
  );
}
