"""How often does drift alarm, rightly and wrongly? Measured on the demo company and O*NET.

`make bench-drift DATA=<folder of O*NET releases>` prints each rate and writes docs/drift-numbers.md after every part. A report of
Evidently spends nearly all its time on plots: only the first report of each kind is a whole one, and must equal what Evidently's
statistical tests say alone, which judge the others.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from evidently.legacy.calculations.stattests import get_stattest
from evidently.legacy.core import ColumnType

from bench import page
from bench.gate import wilson
from bench.perturbation import (
    DECISIONS_CHANGED,
    EMPLOYEES_REPLACED,
    change_levels,
    held_skills,
    next_week,
    sample_of,
    usage_of,
)
from bench.weeks import Weeks, weeks_of
from future_skills.config import Settings
from future_skills.dataset.reading import Dataset
from future_skills.domain import NUMERIC_FEATURES, PairScope
from future_skills.drift.columns import CATEGORIES, ColumnDrift, judge_columns, watched_columns
from future_skills.drift.comparison import compare_samples
from future_skills.drift.samples import Sample
from future_skills.hr.company import Company
from future_skills.hr.demo import generate_company
from future_skills.hr.interchange import read_company
from future_skills.hr.loader import load_company

RELEASES = ("28.1", "29.0")
NEW_CATEGORY, LEVEL_POINTS = 0.10, 0.05
LEVEL_MOVES = (("LOW", "MEDIUM"), ("LOW", "HIGH"), ("MEDIUM", "HIGH"))


@dataclass
class Rate:
    """How many of `n` reports marked a column, drifted, and alarmed in any way; the largest distances seen, by column.

    `moved` are the distances of the column that was moved.
    """

    company: str
    what: str
    n: int = 0
    marked: int = 0
    drifted: int = 0
    alarmed: int = 0
    largest: dict[str, float] = field(default_factory=dict)
    moved: list[float] = field(default_factory=list)

    def add(self, reference: Sample, current: Sample, weeks: Weeks, column: str | None = None) -> None:
        """Count one report; `column`: the one that was moved, any when None."""
        columns = distances(reference, current, weeks)
        if not self.n:
            whole = compare_samples(reference, current, watched_columns(weeks.settings.drift, with_target=True)).columns
            assert {name: (one.value, one.drift) for name, one in columns.items()} == {
                name: (one.value, one.drift) for name, one in whole.items()
            }
        verdict = judge_columns(columns, weeks.settings.drift)
        marked = {name for name, one in columns.items() if one.drift}
        self.n += 1
        self.marked += column in marked if column else bool(marked)
        self.drifted += verdict.drifted
        self.alarmed += verdict.drifted or verdict.unknown
        if column:
            self.moved.append(columns[column].value or 0.0)
        for name, one in columns.items():
            self.largest[name] = max(self.largest.get(name, 0.0), one.value or 0.0)

    def share(self, hits: int) -> str:
        """A share with its 95 % interval."""
        low, high = wilson(hits, self.n)
        return f"{hits} of {self.n} ({hits / self.n:.1%}; {low:.1%} to {high:.1%})"

    @property
    def nearest(self) -> str:
        """The column with the largest distance."""
        name = max(self.largest, key=lambda one: self.largest[one])
        return f"{name} {self.largest[name]:.3f}"

    @property
    def distances(self) -> str:
        """The smallest and the largest distance of the column that was moved."""
        return f"{min(self.moved):.3f} to {max(self.moved):.3f}"

    def __str__(self) -> str:
        return (
            f"{self.company:<22}{self.what:<52}marked {self.share(self.marked)}, drifts {self.share(self.drifted)}, "
            f"alarms {self.share(self.alarmed)}, largest {self.nearest}"
        )


def distances(reference: Sample, current: Sample, weeks: Weeks) -> dict[str, ColumnDrift]:
    """Every watched column by Evidently's statistical tests, without its report."""
    columns = {}
    for one in watched_columns(weeks.settings.drift, with_target=True):
        before, now = reference.values(one.name), current.values(one.name)
        kind = ColumnType.Numerical if one.method == "wasserstein" else ColumnType.Categorical
        found = get_stattest(before, now, kind, one.method)(before, now, kind, one.threshold)
        columns[one.name] = ColumnDrift(one.kind, one.method, one.threshold, float(found.drift_score), bool(found.drifted))
    return columns


@dataclass
class Results:
    """Everything on the page so far."""

    arguments: argparse.Namespace
    twice: list[dict[str, Any]] = field(default_factory=list)
    false_alarms: list[Rate] = field(default_factory=list)
    power: list[Rate] = field(default_factory=list)
    real: dict[str, Any] | None = None
    facts: list[dict[str, Any]] = field(default_factory=list)
    settings: Any = None

    def tell(self, what: str, *rates: Rate) -> None:
        """Print rates and write the page."""
        print(what, *rates, sep="\n", flush=True)
        self.write()

    def write(self) -> Path:
        """Write docs/drift-numbers.md."""
        return page.write(
            "drift-numbers",
            {},
            results=self,
            changed=DECISIONS_CHANGED,
            replaced=EMPLOYEES_REPLACED,
            releases=RELEASES,
            thresholds=self.settings.drift,
        )


def same_data_twice(results: Results, name: str, company: Company, scope: PairScope) -> None:
    """Two whole chains of the same data: the second report against the first batch."""
    with weeks_of(company, scope) as weeks:
        first = weeks.export()
        version = weeks.train(first, "logistic_regression")
        weeks.report(first, version)
        report = weeks.report(weeks.export(), version)
    values = {column: one["value"] for column, one in report.columns.items()}
    results.twice.append(
        {"company": name, "scope": scope, "drifted": report.drifted, "unknown": report.unknown, "largest": max(values.values())}
    )
    print(f"{name:<22}same data twice, scope {scope}: drifted {report.drifted}, unknown {report.unknown}, {values}", flush=True)
    results.write()


def perturbed(results: Results, name: str, company: Company, scope: PairScope) -> Iterator[None]:
    """False alarms under small random changes and under nothing but sampling, and power, on one trained company, part by part."""
    arguments = results.arguments
    with weeks_of(company, scope) as weeks:
        dataset = weeks.export()
        version = weeks.train(dataset, arguments.estimator)
        held, snapshot, levels = held_skills(company, dataset.snapshot), dataset.snapshot, dataset.decided["future_need_level"]
        pd.testing.assert_frame_equal(usage_of(held), snapshot.usage.reset_index(drop=True), check_dtype=False)
        base = sample_of(weeks, version, dataset, snapshot, levels, seed=0)
        facts = {"company": name, "scope": scope, "rows": len(base.rows), "decided": len(levels), "roles": len(snapshot.roles)}
        results.facts.append({**facts, "skills": len(snapshot.skills), "employees": snapshot.employees})
        changed = Rate(name, f"{DECISIONS_CHANGED:.0%} of decisions, {EMPLOYEES_REPLACED:.0%} of employees")
        split = Rate(name, "random halves of one batch")
        moves = [(Rate(name, what), column_of, moved) for what, column_of, moved in shifts(base)]
        results.false_alarms += [changed, split]
        results.power += [rate for rate, _, _ in moves]
        for part in range(arguments.parts):
            for seed in _of_part(part, arguments.perturbations, arguments.parts):
                random = np.random.default_rng(seed + 1)
                decided = change_levels(levels, random)
                current = sample_of(weeks, version, dataset, next_week(snapshot, held, random), decided, seed=seed + 1)
                changed.add(base, current, weeks)
            for seed in _of_part(part, arguments.halves, arguments.parts):
                split.add(*halves(base, seed), weeks)
            for seed in _of_part(part, arguments.shifts, arguments.parts):
                before, now = halves(base, 1_000 + seed)
                for rate, column_of, moved in moves:
                    rate.add(before, moved(now, seed), weeks, column_of(seed))
            results.tell(f"part {part + 1} of {arguments.parts}", changed, split, *(rate for rate, _, _ in moves))
            yield


def _of_part(part: int, wanted: int, parts: int) -> range:
    """The seeds of one part."""
    return range(wanted * part // parts, wanted * (part + 1) // parts)


def halves(sample: Sample, seed: int) -> tuple[Sample, Sample]:
    """A batch and its decisions, split at random."""
    random = np.random.default_rng(seed)
    order, decisions = random.permutation(len(sample.rows)), random.permutation(len(sample.decided))
    middle, centre = len(order) // 2, len(decisions) // 2

    def half(rows: np.ndarray, decided: np.ndarray) -> Sample:
        return replace(
            sample,
            rows=sample.rows.take(rows).reset_index(drop=True),
            decided=sample.decided.take(decided).reset_index(drop=True),
        )

    return half(order[:middle], decisions[:centre]), half(order[middle:], decisions[centre:])


Shift = tuple[str, Callable[[int], str], Callable[[Sample, int], Sample]]


def shifts(base: Sample) -> Iterator[Shift]:
    """What is moved, which column that is (of a seed), and the move itself."""
    varying = [name for name in NUMERIC_FEATURES if base.rows[name].std() > 0]
    for size in (0.25, 0.5):
        yield (
            f"one feature by {size:g} standard deviations",
            lambda seed: varying[seed % len(varying)],
            lambda sample, seed, size=size: _shifted(sample, varying[seed % len(varying)], size),
        )
    yield (
        f"a category never seen in {NEW_CATEGORY:.0%} of rows",
        lambda seed: CATEGORIES[seed % 2],
        lambda sample, seed: _recategorised(sample, CATEGORIES[seed % 2], seed),
    )
    for old, new in LEVEL_MOVES:
        yield (
            f"{LEVEL_POINTS:.0%} of predictions from {old} to {new}",
            lambda _seed: "level",
            lambda sample, seed, old=old, new=new: replace(sample, rows=_with(sample.rows, "level", old, new, seed)),
        )
        yield (
            f"{LEVEL_POINTS:.0%} of decisions from {old} to {new}",
            lambda _seed: "target",
            lambda sample, seed, old=old, new=new: replace(sample, decided=_moved(sample.decided, old, new, seed)),
        )


def _shifted(sample: Sample, column: str, size: float) -> Sample:
    values = sample.rows[column]
    return replace(sample, rows=sample.rows.assign(**{column: values + size * values.std(ddof=0)}))


def _recategorised(sample: Sample, column: str, seed: int) -> Sample:
    new = np.random.default_rng(seed).random(len(sample.rows)) < NEW_CATEGORY
    return replace(sample, rows=sample.rows.assign(**{column: sample.rows[column].mask(new, "Never seen")}))


def _with(rows: pd.DataFrame, column: str, old: str, new: str, seed: int) -> pd.DataFrame:
    return rows.assign(**{column: _moved(rows[column], old, new, seed)})


def _moved(levels: pd.Series, old: str, new: str, seed: int) -> pd.Series:
    """`LEVEL_POINTS` of all rows, from one level to another."""
    own = np.flatnonzero((levels == old).to_numpy())
    chosen = np.random.default_rng(seed).permutation(own)[: round(LEVEL_POINTS * len(levels))]
    values = levels.to_numpy(dtype=object).copy()
    values[chosen] = new
    return pd.Series(values)


def real_drift(results: Results, folder: Path) -> None:
    """The older release trains and sets the reference, the newer one is the week after."""
    before, now = (read_company(folder / release) for release in RELEASES)
    with weeks_of(before, "evidence") as weeks:
        first = weeks.export()
        version = weeks.train(first, results.arguments.estimator)
        load_company(weeks.connection, now)
        second = weeks.export()
        reference, current = (
            sample_of(weeks, version, one, one.snapshot, one.decided["future_need_level"], seed=0, trained_on=first)
            for one in (first, second)
        )
        comparison = compare_samples(reference, current, watched_columns(weeks.settings.drift, with_target=True))
        results.real = {"columns": comparison.columns, "verdict": judge_columns(comparison.columns, weeks.settings.drift)}
        results.real |= {"before": _sizes(first, reference), "now": _sizes(second, current)}
    print({name: (one.value, one.drift) for name, one in comparison.columns.items()}, results.real["verdict"], flush=True)
    results.write()


def _sizes(dataset: Dataset, sample: Sample) -> dict[str, int]:
    counts = dataset.row.manifest["counts"]
    sizes = {name: counts[name] for name in ("roles", "skills", "employees")}
    return {**sizes, "decisions": dataset.row.decided_rows, "pairs compared": len(sample.rows)}


def main() -> int:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help=f"a folder with the company folders {' and '.join(RELEASES)}")
    parser.add_argument("--perturbations", type=int, default=100)
    parser.add_argument("--halves", type=int, default=200)
    parser.add_argument("--shifts", type=int, default=28)
    parser.add_argument("--parts", type=int, default=10, help="the page is written after each")
    parser.add_argument("--estimator", default="random_forest")
    arguments = parser.parse_args()
    demo = generate_company()
    results = Results(arguments, settings=Settings())
    companies = [perturbed(results, "demo", demo, "all")]
    next(companies[0])
    for scope in ("all", "evidence"):
        same_data_twice(results, "demo", demo, scope)
    if arguments.data:
        real_drift(results, arguments.data)
        newest = read_company(arguments.data / RELEASES[1])
        companies.append(perturbed(results, f"O*NET {RELEASES[1]}", newest, "evidence"))
    for _ in zip_longest(*companies):
        pass
    print(f"written: {results.write()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
