// What nobody sees and what changes how other characters are read is labelled, as imbik.web.text does with rows: for
// texts that come as they are (the rest of a long one, edits, what a reader types).
import { element } from "./nodes.js";

const UNSEEN = new RegExp(
  "([\\0-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e" +
    "\\u2060-\\u206f\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufffb\\ud800-\\udfff\\ue000-\\uf8ff" +
    "\\u{e0000}-\\u{e0fff}\\u{f0000}-\\u{10ffff}])\\1*",
  "gu",
);
const SHORT = { "\x1b": "ESC", "\0": "NUL", "\x07": "BEL", "\b": "BS", "\r": "CR", "\x7f": "DEL" };
const LETTER = /[\p{L}\p{S}\p{M}]/u;

// Joiners between letters of Persian, or between emoji, are as people write.
function asPeopleWrite(text, run, at) {
  if (!["\u200c", "\u200d", "\ufe0f"].includes(run)) return false;
  const before = [...text.slice(Math.max(0, at - 2), at)].at(-1) ?? "";
  return (at < text.length - 1 || run === "\ufe0f") && before > "\x7f" && LETTER.test(before);
}

function label(run) {
  const [first, ...others] = run;
  const name = SHORT[first] ?? `U+${first.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  return others.length ? `${name} ×${others.length + 1}` : name;
}

// Stretches of a text in order: [what is written there, its label or "" where it can be seen].
function stretches(text) {
  const found = [];
  let at = 0;
  for (const { 0: run, index } of text.matchAll(UNSEEN)) {
    if (asPeopleWrite(text, run, index)) continue;
    if (index > at) found.push([text.slice(at, index), ""]);
    found.push([run, label(run)]);
    at = index + run.length;
  }
  if (at < text.length) found.push([text.slice(at), ""]);
  return found;
}

export function plain(text) {
  return stretches(text).map(([said, name]) => (name ? element("span", { class: "unseen" }, name) : said));
}

// The labels of what is unseen in a text, and the text without it.
export function unseen(text) {
  return stretches(text).flatMap(([, name]) => (name ? [name] : []));
}

export function seen(text) {
  return stretches(text).map(([said, name]) => (name ? "" : said)).join("");
}
