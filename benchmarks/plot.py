"""`plot.py RESULTS.json PICTURE.png`: the grid of a run as a picture, for people.

Runs in the benchmark's own environment, which has matplotlib; the service needs none.
"""

import json
import sys
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

FIGURES = (("requests_per_s", "requests/s"), ("p99_ms", "p99, ms"))


def main(results: Path, picture: Path) -> None:
    record = json.loads(results.read_text())
    models = list(dict.fromkeys(cell["model"] for cell in record["grid"]))
    figure = Figure(figsize=(5 * len(models), 8))
    axes = figure.subplots(len(FIGURES), len(models), squeeze=False, sharex=True)
    for column, model in enumerate(models):
        cells = [cell for cell in record["grid"] if cell["model"] == model]
        for row, (name, unit) in enumerate(FIGURES):
            draw(axes[row][column], cells, name)
            axes[row][0].set_ylabel(unit)
        axes[0][column].set_title(model)
        axes[0][column].legend(fontsize="small")
        axes[-1][column].set_xlabel("connections")
    figure.suptitle(f"{record['at']}, {record['machine']['cpu']}")
    figure.tight_layout()
    figure.savefig(picture, dpi=100)


def draw(axes: Any, cells: list[dict[str, Any]], figure: str) -> None:
    """A line for each side and layout, both scales logarithmic."""
    for side, layout in dict.fromkeys((cell["side"], cell["layout"]) for cell in cells):
        points = [cell for cell in cells if (cell["side"], cell["layout"]) == (side, layout)]
        numbers = [cell["connections"] for cell in points]
        label = f"{side}, {layout}"
        axes.plot(numbers, [cell[figure] for cell in points], marker="o", label=label)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(sorted({cell["connections"] for cell in cells}))
    axes.xaxis.set_major_formatter("{x:.0f}")
    axes.grid(visible=True, alpha=0.3)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
