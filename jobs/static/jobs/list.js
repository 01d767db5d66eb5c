// The list of jobs: known rows follow their jobs, new jobs get the server's own rows.

import { Live, getJson, getPage } from "./live.js";
import { isTerminal, ran, show, waited } from "./show.js";

const FETCH_AT_MOST_EVERY_MS = 2_000;
const TICK_MS = 1_000;
const MOST_STRANGERS = 5_000;

const root = document.getElementById("jobs-live");
const badges = document.getElementById("jobs-badges");
const announcer = document.getElementById("jobs-announcer");
const jobs = new Map(); // of the rows on this page, by id
const strangers = new Set(); // jobs that the list, asked again, did not have
let fetching = null;

const bodyOf = (id) => document.querySelector(`[data-job="${id}"]`)?.closest("tbody");

function take(list) {
  for (const job of list) {
    const body = bodyOf(job.id);
    if (body) update(body, job);
    else if (root.dataset.grows && !strangers.has(job.id)) fetchRowsSoon(job);
  }
}

function update(body, job) {
  const known = jobs.get(job.id);
  if (known && known.seq >= job.seq) return;
  jobs.set(job.id, job);
  if (show(body, job, badges) && known) {
    announcer.textContent = `${body.querySelector("[data-job]").textContent.trim()}: ${job.state}`;
  }
}

const awaited = new Map();

function fetchRowsSoon(job) {
  awaited.set(job.id, job);
  fetching ??= setTimeout(fetchRows, awaited.size > 1 ? FETCH_AT_MOST_EVERY_MS : 50);
}

async function fetchRows() {
  const page = await getPage(location.href);
  if (page) merge(page);
  const missed = [...awaited.values()];
  awaited.clear();
  for (const job of missed) {
    if (bodyOf(job.id)) update(bodyOf(job.id), job);
    else if (page) strangers.add(job.id);
  }
  if (strangers.size > MOST_STRANGERS) strangers.clear();
  setTimeout(() => {
    fetching = null;
    if (awaited.size) fetchRowsSoon([...awaited.values()][0]);
  }, FETCH_AT_MOST_EVERY_MS);
}

/** The fetched rows in their order; rows that are here already stay, with focus and tick. */
function merge(page) {
  const [table, fetched] = [document, page].map((where) => where.getElementById("result_list"));
  if (!table || !fetched) {
    const form = document.getElementById("changelist-form");
    form.replaceWith(document.adoptNode(page.getElementById("changelist-form")));
    return;
  }
  let place = table.tHead;
  for (const fresh of [...fetched.tBodies]) {
    const known = bodyOf(fresh.querySelector("[data-job]").dataset.job);
    const body = known ?? document.adoptNode(fresh);
    body.className = fresh.className; // its stripe
    if (place.nextElementSibling !== body) place.after(body);
    place = body;
  }
  while (place.nextElementSibling) place.nextElementSibling.remove();
  for (const id of jobs.keys()) if (!bodyOf(id)) jobs.delete(id);
}

function tick() {
  for (const [id, job] of jobs) {
    if (isTerminal(job)) continue;
    const body = bodyOf(id);
    if (body) setTimes(body, job);
  }
}

function setTimes(body, job) {
  body.querySelector('[data-show="waited"]').textContent = waited(job);
  body.querySelector('[data-show="ran"]').textContent = ran(job);
}

async function poll() {
  const answer = await getJson(root.dataset.api);
  if (answer) take(answer.results);
  return answer !== false;
}

setInterval(tick, TICK_MS);
new Live({
  path: root.dataset.socket,
  frame: (message) => take(message.jobs),
  poll,
  indicator: document.getElementById("jobs-indicator"),
});
