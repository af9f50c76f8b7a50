"""One deployed company for all tests of models, and its dataset in memory."""

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits

from future_skills.dataset.reading import Dataset, load_dataset
from future_skills.dataset.role_split import holdout_role_ids
from future_skills.ledger.datasets import newest_dataset
from support.pipeline import Workbench
from support.prepared import Prepared, copied, deployed, prepared


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Small fits: threads would wait for each other longer than they work."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def origin(hr_template, tmp_path_factory) -> Prepared:
    """The demo company with v1 deployed."""
    return prepared(hr_template, "hr_template", tmp_path_factory.mktemp("model"), "deployed", deployed)


@pytest.fixture
def bench(origin, tmp_path) -> Iterator[Workbench]:
    """A copy of it."""
    with copied(origin, tmp_path / "copy") as bench:
        yield bench


@pytest.fixture(scope="session")
def _read(origin, tmp_path_factory) -> tuple[Dataset, frozenset[int]]:
    with copied(origin, tmp_path_factory.mktemp("read") / "copy") as bench, bench.connection:
        row = newest_dataset(bench.connection, 5)
        return load_dataset(bench.store, row), holdout_role_ids(bench.connection)


@pytest.fixture(scope="session")
def dataset(_read) -> Dataset:
    """Its dataset; 600 decided rows, as many implicit ones."""
    return _read[0]


@pytest.fixture(scope="session")
def holdout(_read) -> frozenset[int]:
    """Its held-out roles."""
    return _read[1]
