"""Every estimator with every preprocessing on job roles it has not seen, on a real company.

`make bench-estimators DATA=<folder>` loads the folder into an embedded PostgreSQL, exports a dataset as the product does,
compares by grouped cross-validation on training roles (held-out roles are not read), and writes docs/estimators.md.
"""

import argparse
import json
import multiprocessing
import os
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from bench import page
from bench.company import loaded
from future_skills.dataset.reading import Dataset
from future_skills.domain import ESTIMATOR_NAMES
from future_skills.model.estimators import loadable_by_hr
from future_skills.model.experiment import Comparison, Contender, Finding, Ground, Measure, Plan, comparisons, measured
from future_skills.model.libraries import library_versions
from future_skills.model.recommendation import RULE, dependencies, interpretability

PREPROCESSINGS = ("target", "onehot")
LONGEST_MINUTES = 60.0


def kept(folder: Path, measure: Measure, ground: Ground, plan: Plan, contender: Contender, dataset: Dataset) -> Finding:
    """What `measure` finds; found before, and kept in the folder, it is not measured again."""
    path = folder / f"{contender.estimator}-{contender.preprocessing}-{contender.feature_set}.json"
    if path.exists():
        found, resampled = json.loads(path.read_text(encoding="utf-8"))
        return Contender(**found), None if resampled is None else np.array(resampled)
    contender, standing = measure(ground, plan, contender, dataset)
    folder.mkdir(parents=True, exist_ok=True)
    told = [contender.to_dict(), None if standing is None else standing.tolist()]
    path.write_text(json.dumps(told), encoding="utf-8")
    return contender, standing


def bounded(longest: float, ground: Ground, plan: Plan, contender: Contender, dataset: Dataset) -> Finding:
    """Measure a combination in a process of its own, which the system ends after `longest` CPU seconds."""
    names = f"{contender.estimator}, {contender.preprocessing}, {contender.feature_set}"
    limit = partial(resource.setrlimit, resource.RLIMIT_CPU, (int(longest), int(longest) + 1))
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=limit) as process:
        try:
            finding = process.submit(measured, ground, plan, contender, dataset).result()
        except BrokenProcessPool:
            reason = f"Its process ended early: it had used its {longest / 60:.0f} CPU minutes, or the machine's memory."
            finding = replace(contender, reason=reason), None
    measures = finding[0].measures
    print(f"{names}: {finding[0].reason if measures is None else measures['ap_high']['value']}", flush=True)
    return finding


def write_page(comparison: Comparison, folder: Path, longest: float) -> Path:
    """Write what is known so far to docs/estimators.md; returns its path."""
    measured = [one for one in comparison.contenders if one.measures]
    rows = sorted(measured, key=lambda one: -one.measures["ap_high"]["value"])
    recommended = comparison.recommendation.contender
    filters = {"interpretability": interpretability, "dependencies": dependencies, "loadable": loadable_by_hr}
    return page.write(
        "estimators",
        filters,
        rows=rows,
        failed=[one for one in comparison.contenders if not one.measures],
        recommended=None if recommended is None else comparison.contenders[recommended],
        comparison=comparison,
        rule=RULE,
        data="/".join(folder.resolve().parts[-2:]),
        libraries=library_versions(),
        cores=os.cpu_count(),
        longest=longest,
    )


def main() -> int:
    """Compare, tell each combination as it is measured, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a company folder in the interchange format")
    parser.add_argument("--estimators", default=",".join(ESTIMATOR_NAMES))
    parser.add_argument("--preprocessings", default=",".join(PREPROCESSINGS))
    parser.add_argument("--longest-minutes", type=float, default=LONGEST_MINUTES, help="CPU minutes a combination may take")
    parser.add_argument("--keep", type=Path, help="keep what was measured in this folder, and go on from what is there")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        print(f"Skipped: {arguments.data} is no folder. Name a company folder with DATA=...", file=sys.stderr)
        return 0
    longest = 60 * arguments.longest_minutes
    start = time.monotonic()
    with loaded(arguments.data) as (dataset, holdout, settings):
        print(f"{len(dataset.decided):,} decided rows, loaded in {time.monotonic() - start:.0f} s", flush=True)
        plan = Plan(
            estimators=tuple(arguments.estimators.split(",")),
            preprocessings=tuple(arguments.preprocessings.split(",")),
            folds=settings.training.folds,
            random_state=settings.training.random_state,
            threads=settings.threads,
            resamples=settings.gate.resamples,
            feature_sets=("core", "extended"),
        )
        measure = partial(bounded, longest)
        if arguments.keep:
            measure = partial(kept, arguments.keep, measure)
        for comparison in comparisons(dataset, holdout, plan, measure):
            # after each combination, so that an interrupted run leaves what it has measured
            written = write_page(comparison, arguments.data, longest)
    print(comparison.recommendation.reason)
    print(f"written: {written}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
