"""Two versions side by side, from the ledger; differences only where both were measured on the same rows."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from psycopg2.extensions import connection as Connection

from future_skills.domain import LEVELS
from future_skills.model.baselines import BASELINE_NAMES
from future_skills.registry.markdown import markdown_environment
from future_skills.registry.story import VersionStory, tell_version

HEADLINES = {
    "ap_high": "AP(HIGH)",
    "macro_f1": "macro-F1",
    "weighted_f1": "weighted F1",
    "accuracy": "accuracy",
    "log_loss": "log-loss (lower is better)",
    "ece": "expected calibration error (lower is better)",
}


@dataclass(frozen=True)
class Line:
    """One measured quantity of both versions: {value, ci} or None where it was not measured."""

    name: str
    one: dict[str, Any] | None
    other: dict[str, Any] | None

    @property
    def difference(self) -> float | None:
        """The second minus the first."""
        if not self.one or not self.other or self.one["value"] is None or self.other["value"] is None:
            return None
        return float(self.other["value"] - self.one["value"])


@dataclass(frozen=True)
class Comparison:
    """Two versions side by side.

    `obstacle` says why their figures must not be subtracted, or is None; `groups` are lines by population; `paired` are the
    differences of the evaluation in which one met the other as champion, or None.
    """

    stories: tuple[VersionStory, VersionStory]
    obstacle: str | None
    groups: dict[str, list[Line]]
    paired: dict[str, Any] | None


def compare_versions(connection: Connection, first: str, second: str) -> Comparison:
    """Both versions, in the caller's transaction. Raises UnknownVersionError."""
    one, other = tell_version(connection, first), tell_version(connection, second)
    return Comparison(
        stories=(one, other),
        obstacle=obstacle(one, other),
        groups={
            "Job roles not seen": list(_lines(_metrics(one), _metrics(other))),
            "Held-out pairs of known roles (no check of the gate reads it)": list(
                _lines(_metrics(one).get("known_roles") or {}, _metrics(other).get("known_roles") or {})
            ),
        },
        paired=_paired(one, other) or _paired(other, one),
    )


def render_comparison(connection: Connection, first: str, second: str) -> str:
    """Both versions as Markdown, in the caller's transaction. Raises UnknownVersionError."""
    compared = compare_versions(connection, first, second)
    template = markdown_environment().get_template("compare.md.j2")
    return template.render(**vars(compared), as_json=lambda value: json.dumps(value, sort_keys=True, ensure_ascii=False))


def obstacle(one: VersionStory, other: VersionStory) -> str | None:
    """Why the figures of two versions must not be subtracted, or None when both were measured on the same rows."""
    for story in (one, other):
        if not _metrics(story).get("baselines"):
            return f"{story.version.version} was not measured"
    if one.dataset.dataset_id != other.dataset.dataset_id:
        return f"measured on different datasets ({one.dataset.dataset_id} and {other.dataset.dataset_id})"
    populations = [_metrics(story)["population"] for story in (one, other)]
    if populations[0] != populations[1]:
        return f"measured on different populations ({populations[0]} and {populations[1]})"
    if _metrics(one)["rows"] != _metrics(other)["rows"]:
        return "measured on different rows of the same dataset"
    return None


def _metrics(story: VersionStory) -> dict[str, Any]:
    return story.evaluation.metrics if story.evaluation else {}


def _lines(one: dict[str, Any], other: dict[str, Any]) -> Iterator[Line]:
    """Headlines, baselines, levels and departments of one population of both; nothing when neither has it."""
    if not one.get("baselines") and not other.get("baselines"):
        return
    for name, label in HEADLINES.items():
        yield Line(label, one.get("overall", {}).get(name), other.get("overall", {}).get(name))
    for baseline, label in BASELINE_NAMES.items():
        for name in ("ap_high", "macro_f1"):
            values = [_bare(measured.get("baselines", {}).get(baseline, {}).get(name)) for measured in (one, other)]
            if baseline != "champion" and any(values):
                yield Line(f"baseline {label}, {HEADLINES[name]}", *values)
    for level in LEVELS:
        yield Line(
            f"F1 of {level}", *(_bare(measured.get("per_class", {}).get(level, {}).get("f1")) for measured in (one, other))
        )
    parts = [{part["name"]: part for part in measured.get("slices", [])} for measured in (one, other)]
    for name in sorted({*parts[0], *parts[1]}):
        found = [known.get(name) for known in parts]
        size = " / ".join("–" if part is None else str(part["n"]) for part in found)
        yield Line(f"department {name}, AP(HIGH), n = {size}", *(_bare(part["ap_high"]) if part else None for part in found))


def _bare(value: float | None) -> dict[str, Any] | None:
    return None if value is None else {"value": value}


def _paired(challenger: VersionStory, champion: VersionStory) -> dict[str, Any] | None:
    """The paired differences of the challenger's evaluation, when the other was the champion it was compared with."""
    comparison = _metrics(challenger).get("comparison")
    if not comparison or comparison.get("champion") != champion.version.version:
        return None
    return {"challenger": challenger.version.version, "champion": champion.version.version, **comparison}
