// Puts a job's JSON into the elements that show it, on list and page alike.

const TERMINAL = new Set(["succeeded", "failed", "cancelled", "dead"]);

export const isTerminal = (job) => TERMINAL.has(job.state);

const stateOf = (root) => root.querySelector('[data-show="state"]');

/** Of the job that `root` shows. */
export const hasEnded = (root) => TERMINAL.has(stateOf(root).dataset.state);
export const seqOf = (root) => Number(stateOf(root).dataset.seq);

/** "0.42 s", "12 s", "3 min 04 s", "2 h 05 min": the same words as the server's. */
export function duration(seconds) {
  if (seconds < 10) return `${Math.max(seconds, 0).toFixed(2)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)];
  const two = (number) => String(number).padStart(2, "0");
  if (hours < 1) return `${minutes} min ${two(Math.floor(seconds % 60))} s`;
  return `${hours} h ${two(minutes % 60)} min`;
}

const isWaiting = (job) => job.state === "queued";

const secondsBetween = (from, to) => ((to ? Date.parse(to) : Date.now()) - Date.parse(from)) / 1000;

/** When it began; what is queued again after its worker was lost has yet to begin. */
const beginOf = (job) => (isWaiting(job) ? null : job.started_at);

export function waited(job) {
  if (!job.started_at && isTerminal(job)) return "–";
  return duration(secondsBetween(job.created_at, beginOf(job)));
}

export function ran(job) {
  const begin = beginOf(job);
  return begin ? duration(secondsBetween(begin, job.finished_at)) : "–";
}

/** Fill `root`'s [data-show] elements; true where the state is another one now. */
export function show(root, job, badges) {
  const changed = showState(stateOf(root), job, badges);
  showProgress(root.querySelector('[data-show="progress"]'), job);
  setText(root, "waited", waited(job));
  setText(root, "ran", ran(job));
  setText(root, "attempt", `${job.attempt} of ${job.max_attempts}`);
  return changed;
}

function showState(element, job, badges) {
  element.dataset.seq = job.seq;
  const word = job.cancel_requested_at && !isTerminal(job) ? "cancelling" : job.state;
  if (element.dataset.state === word) return false;
  element.dataset.state = word;
  element.replaceChildren(badges.content.querySelector(`[data-badge="${word}"]`).cloneNode(true));
  return true;
}

function showProgress(element, job) {
  const [bar, text] = [element.querySelector("progress"), element.querySelector("span")];
  const progress = isWaiting(job) ? null : job.progress;
  element.classList.toggle("jobs-quiet", !progress && job.state !== "running");
  if (progress?.total) {
    bar.max = progress.total;
    bar.value = progress.done;
  } else {
    bar.removeAttribute("value");
  }
  const words = progress ? progressWords(progress, isTerminal(job)) : "";
  if (text.textContent !== words) text.textContent = words;
}

function progressWords({ done, total, stage, eta_s: eta }, over) {
  const parts = [stage, total ? `${done} of ${total}` : ""];
  if (eta !== null && !over) parts.push(`${duration(eta)} left`);
  return parts.filter(Boolean).join(", ");
}

function setText(root, name, text) {
  const element = root.querySelector(`[data-show="${name}"]`);
  if (element && element.textContent !== text) element.textContent = text;
}
