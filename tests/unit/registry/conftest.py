"""The company most tests of the registry begin with."""

from collections.abc import Iterator

import pytest

from support.pipeline import Workbench
from support.prepared import Prepared, copied, prepared, three_versions


@pytest.fixture(scope="module")
def origin(hr_template, tmp_path_factory) -> Prepared:
    return prepared(hr_template, "hr_template", tmp_path_factory.mktemp("registry"), "three_versions", three_versions)


@pytest.fixture
def bench(origin, tmp_path) -> Iterator[Workbench]:
    """v1, v2 and v3 are trained and evaluated; the gate would let each through; nobody was asked."""
    with copied(origin, tmp_path / "copy") as bench:
        yield bench
