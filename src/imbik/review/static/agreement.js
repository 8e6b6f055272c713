// How far experts agree: one figure beside the progress, and all of them in the help. Asked for once a minute: the server
// counts no more often, so that nobody reads off it what another said of one row.
import { ask, byId, say, words } from "./base.js";
import { element } from "./nodes.js";

const EVERY = 60_000;
const number = (value) => value.toLocaleString(document.documentElement.lang, { minimumFractionDigits: 2, maximumFractionDigits: 2 });

function told(figure) {
  return figure ? say("agreement_figure", { value: number(figure.value), low: number(figure.low), high: number(figure.high) }) : words.agreement_none;
}

function lines(found) {
  if (found.needed) return [say("agreement_few", { rows: found.rows, needed: found.needed })];
  return [
    `${say("agreement_all", { rows: found.rows })} ${told(found.alpha)}`,
    ...found.pairs.map((pair) => `${say("agreement_pair", { name: pair.with, rows: pair.rows })} ${told(pair.kappa)}`),
    ...found.rubric.map((item) => `${say("agreement_score", { name: item.name })} ${told(item.alpha)}`),
  ];
}

async function look() {
  if (document.hidden) return;
  let found;
  try {
    found = await ask("/api/agreement");
  } catch {
    return; // the next key will say what is wrong
  }
  byId("agreement-part").hidden = !found.rows;
  byId("agreement-more").replaceChildren(...lines(found).map((line) => element("li", {}, line)));
  byId("agreement").hidden = !found.alpha;
  byId("agreement").textContent = found.alpha ? `α ${number(found.alpha.value)}` : "";
  byId("agreement").setAttribute("aria-label", found.alpha ? `${words.agreement}: ${number(found.alpha.value)}` : words.agreement);
}

byId("agreement").addEventListener("click", () => byId("help").showModal());
document.addEventListener("visibilitychange", look);
setInterval(look, EVERY);
await look();
