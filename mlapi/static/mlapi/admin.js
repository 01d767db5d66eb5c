// What unfold's search in the sidebar and its plots leave undone. Loaded before unfold's own script,
// so asked first.

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

// What stands beside the bars of a plot: as dark as the text of the page, in both looks; on a
// logarithmic axis 1, 2 and 5 of each decade, which have room.
Chart.register({
  id: "legible",
  beforeUpdate({ options }) {
    const ink = getComputedStyle(document.body).color;
    if (options.plugins?.legend?.labels) options.plugins.legend.labels.color = ink;
    for (const axis of Object.values(options.scales ?? {})) {
      if (axis.ticks) axis.ticks.color = ink;
      if (axis.type === "logarithmic") axis.afterBuildTicks = thinOut;
    }
  },
});

function thinOut(axis) {
  axis.ticks = axis.ticks.filter(({ value }) => /^[125]\.0*e/.test(value.toExponential(6)));
}
