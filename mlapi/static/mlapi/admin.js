// What unfold's search in the sidebar leaves undone. Loaded before unfold's own, so asked first.

// `t` leads to the search, but not where it is a letter, or the browser's own with another key.
addEventListener("keydown", (event) => {
  const isOthers = event.target.closest?.("select, dialog");
  if (event.key === "t" && (isOthers || event.ctrlKey || event.metaKey || event.altKey)) {
    event.stopImmediatePropagation();
  }
});

// Enter follows the first result; where there is none it does nothing.
addEventListener(
  "keydown",
  (event) => {
    if (event.key !== "Enter" || event.target.id !== "nav-filter") return;
    event.stopPropagation();
    event.preventDefault();
    document.querySelector("#search-results a")?.click();
  },
  true,
);
