// The list of jobs: known rows follow their jobs, new jobs get the server's own rows.

import { Live, getJson, getPage } from "./live.js";
import { hasEnded, isTerminal, ran, seqOf, show, waited } from "./show.js";

const FETCH_AT_MOST_EVERY_MS = 2_000;
const TICK_MS = 1_000;
const SOON_MS = 50;
const LONGEST_PAUSE_MS = 60_000;
const LOOK_MS = 3_000;
const MOST_STRANGERS = 5_000;
const MOST_IDS = 50; // that the server takes

const root = document.getElementById("jobs-live");
const [LIST] = root.dataset.api.split("?");
const badges = document.getElementById("jobs-badges");
const announcer = document.getElementById("jobs-announcer");
const jobs = new Map(); // of the rows on this page, by id
const followed = new Set(); // jobs that we hear of; their rows need not be asked about
const strangers = new Set(); // jobs that the list, asked again, did not have
let fetching = null;
let pause = FETCH_AT_MOST_EVERY_MS;

const bodyOf = (id) => document.querySelector(`[data-job="${id}"]`)?.closest("tbody");
const allIds = () => [...document.querySelectorAll("[data-job]")].map((one) => one.dataset.job);

function take(list) {
  for (const job of list) {
    const body = bodyOf(job.id);
    if (body) update(body, job);
    else if (root.dataset.grows && !strangers.has(job.id)) fetchRowsSoon(job);
  }
}

/** The row may be newer than what is told of its job: it was fetched. */
function update(body, job) {
  const known = jobs.get(job.id);
  if (known ? known.seq >= job.seq : seqOf(body) > job.seq) return;
  jobs.set(job.id, job);
  if (show(body, job, badges) && known) {
    announcer.textContent = `${body.querySelector("[data-job]").textContent.trim()}: ${job.state}`;
  }
}

const awaited = new Map(); // new jobs that have no row yet

function fetchRowsSoon(job) {
  awaited.set(job.id, job);
  fetching ??= setTimeout(fetchRows, SOON_MS);
}

async function fetchRows() {
  const asked = new Set(awaited.keys()); // jobs that are new from here on the page cannot have
  const page = await getPage(location.href);
  const isList = Boolean(page?.getElementById("changelist-form"));
  if (isList) {
    merge(page);
    settle(asked);
  }
  pause = isList ? FETCH_AT_MOST_EVERY_MS : Math.min(pause * 2, LONGEST_PAUSE_MS);
  setTimeout(() => {
    fetching = null;
    if (awaited.size && !live.ended) fetchRowsSoon([...awaited.values()][0]);
  }, pause);
}

function settle(asked) {
  for (const [id, job] of awaited) {
    const body = bodyOf(id);
    if (body) update(body, job);
    else if (asked.has(id)) strangers.add(id);
    else continue;
    awaited.delete(id);
  }
  if (strangers.size > MOST_STRANGERS) strangers.clear();
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

/** What the socket says, or the list's own answer as a snapshot; false once nobody answers us. */
async function hear({ type, jobs: told }) {
  if (type === "snapshot") followed.clear();
  for (const job of told) followed.add(job.id);
  take(told);
  return type !== "snapshot" || askForTheRest();
}

/** A row may be of a job that had left the list before anything was told of it. */
async function askForTheRest() {
  const ids = allIds().filter((id) => !followed.has(id) && !hasEnded(bodyOf(id)));
  if (!ids.length) return true;
  const answer = await getJson(`${LIST}?ids=${ids.slice(0, MOST_IDS)}`);
  if (answer) take(answer.results);
  return answer !== false;
}

async function poll() {
  const answer = root.dataset.grows ? await getJson(root.dataset.api) : { results: [] };
  return answer ? hear({ type: "snapshot", jobs: answer.results }) : answer !== false;
}

/** A page that does not grow follows the jobs that are on it, whatever else fits the filters. */
function socketPath() {
  const ids = root.dataset.grows ? [] : allIds().slice(0, MOST_IDS);
  return ids.length ? `${root.dataset.socket.split("?")[0]}?ids=${ids}` : root.dataset.socket;
}

setInterval(tick, TICK_MS);
setInterval(() => live.ended || askForTheRest(), LOOK_MS);
const live = new Live({
  path: socketPath(),
  frame: hear,
  poll,
  indicator: document.getElementById("jobs-indicator"),
});
