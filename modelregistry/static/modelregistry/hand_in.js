// Hands in the form with a bar that shows how much of it has arrived. Without this script the
// browser sends the same form, and the server answers with the same pages.

const form = document.getElementById("hand-in");
const status = form.querySelector('[role="status"]');
const progress = form.querySelector(".hand-in-progress");
const bar = progress.querySelector("progress");
const amount = progress.querySelector("[data-amount]");
const send = form.querySelector('[type="submit"]');
const stop = form.querySelector("[data-stop]");
const CREATED = 201;
const MEGABYTE = 1_000_000;
let request = null;

const megabytes = (bytes) => (bytes / MEGABYTE).toFixed(bytes < 10 * MEGABYTE ? 1 : 0);

function say(words) {
  if (status.textContent !== words) status.textContent = words;
}

function show({ sending }) {
  progress.hidden = !sending;
  stop.hidden = !sending;
  send.disabled = sending;
  form.toggleAttribute("aria-busy", sending);
  if (!sending) request = null;
}

function showAmount({ loaded, total, lengthComputable }) {
  if (!lengthComputable) return;
  const percent = Math.floor((100 * loaded) / total);
  if (loaded < total) {
    bar.value = percent;
    amount.textContent = `${megabytes(loaded)} of ${megabytes(total)} MB, ${percent} %`;
    if (percent % 25 === 0) say(`${percent} % sent`);
  } else {
    bar.removeAttribute("value");
    amount.textContent = "All of it is sent. The server keeps it.";
    say(amount.textContent);
  }
}

/** What the server's page says beside each field, taken over; chosen files stay chosen. */
function takeErrors(page) {
  for (const place of form.querySelectorAll("[data-errors]")) {
    const fresh = page.querySelector(`[data-errors="${place.dataset.errors}"]`);
    place.replaceChildren(...(fresh?.childNodes ?? []));
  }
  mark();
}

function refuse(words) {
  for (const place of form.querySelectorAll("[data-errors]")) place.replaceChildren();
  form.querySelector('[data-errors="all"]').textContent = words;
  mark();
}

/** Fields with an error are told to those who do not see the page, and the first has the focus. */
function mark() {
  let first = null;
  for (const place of form.querySelectorAll("[data-errors]")) {
    const field = form.elements[place.dataset.errors];
    const faulty = place.textContent.trim() !== "";
    if (field) {
      field.toggleAttribute("aria-invalid", faulty);
      field.setAttribute("aria-describedby", `${field.id}_error ${field.id}_helptext`);
    }
    if (faulty) first ??= field ?? place;
  }
  first?.focus();
}

function answered() {
  const { status: code, responseText: text } = request;
  const next = request.getResponseHeader("Location");
  const isPage = request.getResponseHeader("Content-Type")?.startsWith("text/html");
  if (code === CREATED && next) {
    location.assign(next);
    return;
  }
  show({ sending: false });
  if (code === 200 && isPage) takeErrors(new DOMParser().parseFromString(text, "text/html"));
  else refuse(reasonIn(text));
}

function reasonIn(text) {
  try {
    return JSON.parse(text).detail;
  } catch {
    return "The server did not take it, and does not say why. Try again.";
  }
}

const sizeOfAll = (data) =>
  [...data.values()].reduce((sum, value) => sum + (value.size ?? 0), 0);

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (request) return;
  const data = new FormData(form);
  if (sizeOfAll(data) > Number(form.dataset.mostBytes)) {
    refuse(`The files are ${megabytes(sizeOfAll(data))} MB: more than may be handed in.`);
    return;
  }
  request = new XMLHttpRequest();
  request.upload.addEventListener("progress", showAmount);
  request.addEventListener("load", answered);
  request.addEventListener("error", () => {
    show({ sending: false });
    refuse("The connection broke off. Nothing is lost: hand it in again.");
  });
  request.addEventListener("abort", () => {
    show({ sending: false });
    say("The upload was stopped.");
  });
  request.open("POST", location.href);
  request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
  refuse("");
  show({ sending: true });
  request.send(data);
});

stop.addEventListener("click", () => request?.abort());
addEventListener("pageshow", (event) => event.persisted && location.reload()); // a new form
mark();
