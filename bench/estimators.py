"""Every estimator with every preprocessing on job roles it has not seen, on a real company.

`make bench-estimators DATA=<folder>` loads the folder into an embedded PostgreSQL, exports a dataset as the product does,
compares by grouped cross-validation on training roles (held-out roles are not read), and writes docs/estimators.md.
"""

import argparse
import logging
import os
import sys
import time
from pathlib import Path

from bench import page
from bench.company import loaded
from future_skills.domain import ESTIMATOR_NAMES
from future_skills.model.estimators import loadable_by_hr
from future_skills.model.experiment import Comparison, Plan, comparisons
from future_skills.model.libraries import library_versions
from future_skills.model.recommendation import RULE, dependencies, interpretability

PREPROCESSINGS = ("target", "onehot")


def write_page(comparison: Comparison, folder: Path, seconds: float) -> Path:
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
        seconds=seconds,
    )


def main() -> int:
    """Compare, tell each combination as it is measured, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a company folder in the interchange format")
    parser.add_argument("--estimators", default=",".join(ESTIMATOR_NAMES))
    parser.add_argument("--preprocessings", default=",".join(PREPROCESSINGS))
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        print(f"Skipped: {arguments.data} is no folder. Name a company folder with DATA=...", file=sys.stderr)
        return 0
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    logging.getLogger("future_skills.model.experiment").setLevel(logging.INFO)  # a line per combination as it is measured
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
        for comparison in comparisons(dataset, holdout, plan):
            written = write_page(
                comparison, arguments.data, time.monotonic() - start
            )  # an interrupted run leaves what it has measured
    print(comparison.recommendation.reason)
    print(f"written: {written}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
