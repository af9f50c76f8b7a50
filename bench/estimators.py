"""Every estimator with every preprocessing on job roles it has not seen, on a real company.

`make bench-estimators DATA=<folder>` loads the folder into an embedded PostgreSQL, exports a dataset as the product does,
compares by grouped cross-validation on training roles (held-out roles are not read), and writes docs/estimators.md.
"""

import argparse
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from future_skills.config import Settings
from future_skills.database import connect
from future_skills.dataset.export import export_dataset
from future_skills.dataset.reading import Dataset, load_dataset
from future_skills.dataset.role_split import holdout_role_ids
from future_skills.dataset.validation import validate_dataset
from future_skills.domain import ESTIMATOR_NAMES
from future_skills.hr.interchange import read_company
from future_skills.hr.loader import load_company
from future_skills.hr.schema import create_hr_tables
from future_skills.ledger.migrate import migrate_ledger
from future_skills.model.estimators import loadable_by_hr
from future_skills.model.experiment import Comparison, Plan, comparisons
from future_skills.model.recommendation import RULE, dependencies, interpretability
from future_skills.model.training import library_versions
from future_skills.store.artifacts import Store
from runtime.postgres import embedded_server

PAGE = Path(__file__).parents[1] / "docs" / "estimators.md"
PREPROCESSINGS = ("target", "onehot")


@contextmanager
def loaded(folder: Path) -> Iterator[tuple[Dataset, frozenset[int], Settings]]:
    """The company of a folder as a dataset, with its held-out roles; scope `evidence`, as for any company of that size."""
    home = Path(tempfile.mkdtemp(prefix="future-skills-bench-"))  # not in a private folder: the server may run as another user
    settings = Settings(store_uri=str(home / "store"), pair_scope="evidence")
    try:
        with embedded_server(home / "postgres") as databases, closing(connect(databases["hr"])) as connection:
            create_hr_tables(connection)
            migrate_ledger(connection, create_schema=True)
            load_company(connection, read_company(folder))
            store = Store.open(settings.store_uri)
            exported = export_dataset(connection, store, settings, datetime.now(UTC).date())
            row = validate_dataset(connection, store, settings, exported.dataset_id, origin="manual")
            with connection:
                holdout = holdout_role_ids(connection)
            yield load_dataset(store, row), holdout, settings
    finally:
        shutil.rmtree(home, ignore_errors=True)


def write_page(comparison: Comparison, folder: Path, seconds: float) -> None:
    """Write what is known so far to docs/estimators.md."""
    measured = [one for one in comparison.contenders if one.measures]
    rows = sorted(measured, key=lambda one: -one.measures["ap_high"]["value"])
    recommended = comparison.recommendation.contender
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - Markdown of our own numbers
    )
    environment.filters.update(interpretability=interpretability, dependencies=dependencies, loadable=loadable_by_hr)
    page = environment.get_template("estimators.md.j2").render(
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
    PAGE.write_text(page, encoding="utf-8")


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
            write_page(comparison, arguments.data, time.monotonic() - start)  # an interrupted run leaves what it has measured
    print(comparison.recommendation.reason)
    print(f"written: {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
