// A model's page: asks the model what the form says, and shows what it answers. No cookie goes
// along, and the key, where one is needed, into that one request alone.
"use strict";

{
  const form = document.getElementById("try");
  const fields = [...form.querySelectorAll("[data-column]")];
  const whole = document.getElementById("try-body");
  const key = document.getElementById("try-key");
  const button = form.querySelector("[type=submit]");
  const status = document.getElementById("try-status");
  const answer = document.getElementById("try-answer");
  const NUMBER = { number: /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i, whole: /^-?\d+$/ };

  /** A field's value as JSON: what is no number goes along as text, for the service to say so. */
  function written(field) {
    const value = field.value;
    const { kind } = field.dataset;
    if (kind === "truth") return value;
    if (value.trim() === "" && (kind !== "text" || "missing" in field.dataset)) return "null";
    if (kind === "text") return JSON.stringify(value);
    const text = value.trim();
    if (!NUMBER[kind].test(text)) return JSON.stringify(value);
    return text.replace(/^(-?)0+(?=\d)/, "$1"); // as it was typed: large numbers keep their digits
  }

  const byField = () => form.querySelector("[name=try-mode]:checked")?.value === "fields";

  function body() {
    if (!byField()) return whole.value;
    const row = fields.map((field) => `${JSON.stringify(field.dataset.column)}: ${written(field)}`);
    return `{"rows": [{${row.join(", ")}}]}`;
  }

  function mark(input) {
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", "try-status");
    input.focus();
  }

  /** Where a refusal names a column, its field; else, of a refused body, the text. */
  function markWrong(problem) {
    if (problem.status === 401 && key) mark(key);
    if (![400, 422].includes(problem.status)) return;
    const named = ({ dataset: { column } }) =>
      problem.detail.startsWith(`rows[0].${column}:`) || problem.detail.includes(`\`${column}\``);
    const found = byField() ? fields.find(named) : whole;
    if (found) mark(found);
  }

  function unmark() {
    for (const input of form.querySelectorAll("[aria-invalid]")) {
      input.removeAttribute("aria-invalid");
      input.removeAttribute("aria-describedby");
    }
    key?.setAttribute("aria-describedby", "try-key-help");
  }

  function busy(is) {
    button.dataset.label ??= button.textContent;
    button.textContent = is ? button.dataset.busy : button.dataset.label;
    button.setAttribute("aria-disabled", is);
    form.setAttribute("aria-busy", is);
  }

  function say(words, wrong) {
    status.textContent = words;
    status.classList.toggle("try-wrong", wrong);
  }

  /** One value or list of values a line, as people read rows. */
  function readable(value) {
    const lines = Object.entries(value).map(([name, part]) => {
      const rows = Array.isArray(part) && part.some(Array.isArray);
      const text = rows
        ? `[\n    ${part.map((row) => JSON.stringify(row)).join(",\n    ")}\n  ]`
        : JSON.stringify(part);
      return `  ${JSON.stringify(name)}: ${text}`;
    });
    return `{\n${lines.join(",\n")}\n}`;
  }

  async function ask() {
    unmark();
    busy(true);
    say(button.dataset.busy, false);
    const headers = { "Content-Type": "application/json" };
    if (key?.value) headers.Authorization = `Bearer ${key.value.trim()}`;
    const began = performance.now();
    try {
      const reply = await fetch(form.dataset.path, {
        method: "POST",
        headers,
        body: body(),
        credentials: "omit",
        cache: "no-store",
      });
      const found = await reply.json();
      const took = `${(performance.now() - began).toFixed(1)} ms`;
      answer.hidden = !reply.ok;
      if (reply.ok) {
        answer.textContent = readable(found);
        say(`Answered in ${took}.`, false);
      } else {
        const hint = reply.status === 404 && key && !key.value ? " Without a key nobody is told that it is there." : "";
        say(`${found.title} (${found.status}): ${found.detail}${hint}`, true);
        markWrong(found);
      }
    } catch {
      answer.hidden = true;
      say("The server did not answer. Try again in a moment.", true);
    } finally {
      busy(false);
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (form.getAttribute("aria-busy") !== "true") ask();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  form.addEventListener("change", (event) => {
    if (event.target.name !== "try-mode") return;
    document.getElementById("try-fields").hidden = !byField();
    document.getElementById("try-whole").hidden = byField();
  });
  form.hidden = false;
}
