// One job's page: state, progress and log as they come, and its outcome once it has one.

import { Live, getJson, getPage } from "./live.js";
import { isTerminal, ran, show, waited } from "./show.js";

const TICK_MS = 1_000;
const root = document.getElementById("job");
const badges = document.getElementById("jobs-badges");
const announcer = document.getElementById("jobs-announcer");
const log = document.getElementById("job-log");
let job = null;
let shownStage = root.dataset.stage;

function take(newest, events) {
  for (const event of events) addToLog(event);
  if (job && job.seq >= newest.seq) return;
  const changed = show(root, newest, badges);
  if (changed && job) announcer.textContent = `This job is ${newest.state} now.`;
  job = newest;
  hide("_cancel", isTerminal(job) || job.cancel_requested_at !== null);
  hide("_retry", !isTerminal(job) || job.state === "succeeded");
  const stage = `${job.state} ${job.attempt}`;
  if (stage !== shownStage) fetchStage(stage);
}

function hide(name, hidden) {
  const button = root.querySelector(`[name="${name}"]`); // only for those who may
  if (button) button.hidden = hidden;
}

const lastSeq = () => Number(log.lastElementChild?.dataset.seq ?? 0);

function addToLog({ seq, at, level, message }) {
  if (seq <= lastSeq()) return;
  const atTheEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 8;
  const line = document.getElementById("job-line").content.firstElementChild.cloneNode(true);
  line.dataset.seq = seq;
  line.dataset.level = level;
  line.querySelector("time").dateTime = at;
  line.querySelector("time").textContent = at.slice(11, 23);
  line.querySelector("strong").textContent = level === "info" ? "" : level;
  line.querySelector("span").textContent = message;
  log.append(line);
  if (atTheEnd) log.scrollTop = log.scrollHeight;
}

/** Facts, result, error and plots come from the server as it renders them. */
async function fetchStage(stage) {
  shownStage = stage;
  const page = await getPage(location.href);
  if (!page) {
    shownStage = ""; // the next frame tries again
    return;
  }
  const [outcome] = ["job-outcome", "job-facts"].map((id) => {
    const fresh = document.adoptNode(page.getElementById(id));
    document.getElementById(id).replaceWith(fresh);
    return fresh;
  });
  if (outcome.querySelector("canvas.chart")) renderCharts(); // unfold's own
}

function tick() {
  if (!job || isTerminal(job)) return;
  root.querySelector('[data-show="waited"]').textContent = waited(job);
  root.querySelector('[data-show="ran"]').textContent = ran(job);
}

async function poll() {
  const newest = await getJson(root.dataset.api);
  const events = newest ? await getJson(`${root.dataset.api}events/?after=${lastSeq()}`) : [];
  if (newest) take(newest, events || []);
  return newest !== false;
}

log.scrollTop = log.scrollHeight;
setInterval(tick, TICK_MS);
const live = new Live({
  path: root.dataset.socket,
  frame: (message) => take(message.job, message.events),
  poll,
  indicator: document.getElementById("jobs-indicator"),
});
document.addEventListener("submit", () => live.stop()); // the next page is on its way
