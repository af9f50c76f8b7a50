"""Writes docs/scaling.md and its plot from the baselines that `make bench JSON=bench/baselines/<size>.json` left."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from bench import page
from bench.sizes import PUBLISHED, SIZES

BASELINES = Path(__file__).parent / "baselines"
PLOT = page.DOCS / "images" / "scaling.png"
CURVES = {
    "first: score and stage": ("score and stage", "#2457a6"),
    "first: publish": ("publish for the first time", "#b3541e"),
    "all changed: publish": ("publish, every row changed", "#7a8794"),
    "5 % changed: publish": ("publish, 5 % changed", "#2a7f62"),
}


def read(size: str) -> dict[str, Any]:
    """A baseline: its facts, and its lines by name under `lines`."""
    facts: dict[str, Any] = json.loads((BASELINES / f"{size}.json").read_text(encoding="utf-8"))
    return {**facts, "lines": {row["what"]: row for row in facts["table"]}}


def pairs(baseline: dict[str, Any]) -> int:
    """How many pairs were scored."""
    return int(baseline["lines"]["dataset"]["rows"])


def plot(baselines: list[dict[str, Any]]) -> bytes:
    """Seconds of the stages by pairs, both logarithmic, as a PNG."""
    buffer = io.BytesIO()
    with mpl.rc_context({"font.size": 9, "axes.linewidth": 0.8}):
        figure = Figure(figsize=(6.4, 3.8), dpi=150, layout="constrained")
        axes = figure.subplots()
        axes.spines[["top", "right"]].set_visible(False)
        for name, (label, colour) in CURVES.items():
            known = [one for one in baselines if name in one["lines"]]
            seconds = [one["lines"][name]["seconds"] for one in known]
            axes.plot([pairs(one) for one in known], seconds, marker="o", markersize=4, color=colour, label=label)
        axes.set(xscale="log", yscale="log", xlabel="pairs", ylabel="seconds")
        measured = [pairs(one) for one in baselines]
        axes.set_xticks(measured, [f"{count:,}" for count in measured])
        axes.set_xticks([], minor=True)
        axes.grid(color="#e5e9ee", linewidth=0.6)
        axes.legend(frameon=False)
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def shown(row: dict[str, Any]) -> str:
    """A line's ratio and what it is to."""
    return (
        "" if row["ratio"] is None else f"{row['ratio']:.2f} x {row['limit']}" + (f" (goal {row['goal']})" if row["goal"] else "")
    )


def main() -> int:
    """Write both."""
    baselines = {size: read(size) for size in SIZES if (BASELINES / f"{size}.json").exists()}
    published = [size for size in PUBLISHED if size in baselines]
    PLOT.write_bytes(plot([baselines[size] for size in published]))
    lines = [row for size in published for row in baselines[size]["table"]]
    ratios = list(dict.fromkeys(row["what"] for row in lines if row["ratio"] is not None))
    whole = baselines[published[-1]]["lines"]["dataset to published rows"]
    words = {"baselines": baselines, "published": published, "ratios": ratios, "pairs": pairs}
    written = page.write("scaling", {"shown": shown}, **words, speed=whole["rows"] / whole["seconds"])
    print(f"written: {written}, {PLOT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
