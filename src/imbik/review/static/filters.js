// Which rows the reader wants: by check, category and teacher, remembered in this browser.
import { byId, remember, remembered } from "./base.js";
import { patient } from "./desk.js";
import { element } from "./nodes.js";
import { checkName } from "./sheet.js";

const KEPT = "imbik-filters";
const chosen = {};
const selects = () => [...document.querySelectorAll("[data-filter]")];
let changed = () => {};

export const filters = () => ({ ...chosen });
export const anyFilter = () => Object.values(chosen).some(Boolean);

function choose() {
  for (const select of selects()) chosen[select.dataset.filter] = select.value;
  byId("filtered").hidden = !anyFilter();
}

function filterChanged() {
  choose();
  remember(KEPT, JSON.stringify(chosen));
  return changed();
}

export function clearFilters() {
  for (const select of selects()) select.value = "";
  return filterChanged();
}

export function toggleFilters() {
  const part = byId("filters");
  part.hidden = !part.hidden;
  byId("open-filter").setAttribute("aria-expanded", String(!part.hidden));
  if (!part.hidden) part.querySelector("label:not([hidden]) select")?.focus();
}

// What rows can be filtered by, with what the reader chose before; `another` shows another row once that changes.
export async function loadFilters(another) {
  changed = another;
  const choices = await patient("/api/choices", {});
  let kept = {};
  try {
    kept = JSON.parse(remembered(KEPT) ?? "{}");
  } catch {
    // another version's
  }
  for (const select of selects()) {
    const name = select.dataset.filter;
    select.append(...choices[name].map(([value, shown]) => element("option", { value }, name === "check" ? checkName(shown) : shown)));
    if (choices[name].some(([value]) => value === kept[name])) select.value = kept[name];
    byId(`by-${name}`).hidden = !choices[name].length;
    select.addEventListener("change", filterChanged);
  }
  choose();
}
