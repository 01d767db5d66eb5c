// A version's page while its file is checked: progress as it comes, and then the page anew.

import { Live, getJson, getPage } from "../jobs/live.js";
import { isTerminal, show } from "../jobs/show.js";

const AGAIN_MS = 1_000; // the version's own state may be written a moment after its job's
let newest = null;

function follow() {
  const root = document.getElementById("version-check");
  if (!root?.dataset.socket) return;
  const badges = document.getElementById("jobs-badges");
  newest = null;

  function take(job) {
    if (newest && newest.seq >= job.seq) return;
    newest = job;
    show(root, job, badges);
    const waits = root.querySelector("[data-begun]");
    if (waits && job.state === "running") waits.textContent = waits.dataset.begun;
    if (!isTerminal(job)) return;
    live.stop();
    refresh();
  }

  const live = new Live({
    path: root.dataset.socket,
    frame: (message) => take(message.job),
    poll: async () => {
      const job = await getJson(root.dataset.api);
      if (job) take(job);
      return job !== false;
    },
    indicator: document.getElementById("jobs-indicator"),
  });
}

/** What the version has become, its buttons too: the page as the server renders it now. */
async function refresh() {
  const page = await getPage(location.href);
  if (!page) {
    setTimeout(refresh, AGAIN_MS);
    return;
  }
  const fresh = document.adoptNode(page.getElementById("main"));
  document.getElementById("main").replaceWith(fresh);
  htmx.process(fresh); // unfold's dialogs
  const announcer = document.getElementById("version-announcer");
  announcer.textContent = `This version is ${announcer.dataset.state} now.`;
  setTimeout(follow, AGAIN_MS);
}

follow();
