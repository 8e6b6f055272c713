// An invitation is opened: the secret stands behind the # of the link, which browsers do not send; here it is sent once,
// and leaves the address bar and the history with it.
import { words } from "./base.js";

const told = document.getElementById("told");
const token = decodeURIComponent(location.hash.slice(1));
history.replaceState(null, "", location.pathname);

async function join() {
  const asked = token
    ? await fetch("/api/join", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ token }),
      })
    : await fetch("/api/here");
  if (asked.ok) location.replace("/");
  else told.textContent = token ? words.join_refused : words.join_needed;
}

join().catch(() => {
  told.textContent = words.join_unreachable;
});
