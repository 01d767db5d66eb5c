// Copy buttons: shown only where this script runs, and they say what they did.
"use strict";

const SHOWN_FOR_MS = 2000;

async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const field = document.createElement("textarea");  // plain http on another host
  field.value = text;
  field.setAttribute("readonly", "");
  field.className = "unseen";
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  if (!copied) throw new Error("the browser does not let pages copy");
}

function say(button, word, done) {
  const status = document.getElementById("copy-status");
  button.textContent = word;
  button.classList.toggle("done", done);
  status.textContent = done ? `${button.dataset.what} copied` : word;
  clearTimeout(button.restore);
  button.restore = setTimeout(() => {
    button.textContent = "Copy";
    button.classList.remove("done");
    status.textContent = "";
  }, SHOWN_FOR_MS);
}

for (const button of document.querySelectorAll(".copy")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await copy(document.getElementById(button.dataset.from).textContent);
      say(button, "Copied", true);
      button.focus();
    } catch {
      say(button, "Not allowed", false);
    }
  });
}
