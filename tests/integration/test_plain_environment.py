"""The HR application loads what is trained here: with scikit-learn 1.7.2 and numpy 1.26.4, and without a line of our code."""

import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from future_skills.dataset.reading import load_dataset
from future_skills.domain import FEATURES
from future_skills.ledger.datasets import newest_dataset
from future_skills.model.estimators import ESTIMATORS
from future_skills.model.fitting import Configuration, bounded_threads, fit_pipeline
from future_skills.store.models import save_model
from support.prepared import copied, deployed, prepared

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.skipif(sys.version_info >= (3, 13), reason="numpy 1.26.4 is not made for Python 3.13"),
]

PACKAGES = ["scikit-learn==1.7.2", "numpy==1.26.4", "pandas", "joblib"]
ENTRIES = [
    (name, preprocessing) for name, entry in ESTIMATORS.items() if entry.loadable_by_hr for preprocessing in ("target", "onehot")
]
PROGRAM = """
import sys
from importlib.util import find_spec
from pathlib import Path
import joblib, numpy, pandas, sklearn

assert (sklearn.__version__, numpy.__version__) == ("1.7.2", "1.26.4")
assert find_spec("future_skills") is None
folder = Path(sys.argv[1])
rows = pandas.read_csv(folder / "rows.csv", float_precision="round_trip", keep_default_na=False)
for name in sys.argv[2:]:
    try:
        pipeline = joblib.load(folder / (name + ".pkl"))
        numpy.savez(folder / (name + ".npz"), probabilities=pipeline.predict_proba(rows), classes=pipeline.classes_)
    except Exception as error:
        (folder / (name + ".txt")).write_text(repr(error))
"""


@pytest.fixture(scope="module")
def plain_python(tmp_path_factory) -> Path:
    """The interpreter of an environment such as the HR application's."""
    folder = tmp_path_factory.mktemp("plain") / "venv"
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    python = folder / "bin" / "python"
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *PACKAGES], check=True)
    return python


@pytest.fixture(scope="module")
def fitted(hr_template, tmp_path_factory):
    """A folder with the rows of the demo company and an artefact of every core entry, and each pipeline's answers here."""
    origin = prepared(hr_template, "hr_template", tmp_path_factory.mktemp("origin"), "deployed", deployed)
    with copied(origin, tmp_path_factory.mktemp("copy") / "store") as bench, bounded_threads(1):
        rows = load_dataset(bench.store, newest_dataset(bench.connection, 5)).training
        answers = {}
        for estimator, preprocessing in ENTRIES:
            pipeline = fit_pipeline(rows, Configuration(estimator, preprocessing, {}, random_state=1, threads=1))
            name = f"{estimator}-{preprocessing}"
            artifact = save_model(bench.store, f"plain/{name}.pkl", pipeline, bench.keys)
            answers[name] = pipeline.predict_proba(rows[list(FEATURES)]), pipeline.classes_
        folder = Path(urlsplit(artifact.uri).path).parent
        rows[list(FEATURES)].to_csv(folder / "rows.csv", index=False)
        yield folder, answers


@pytest.fixture(scope="module")
def loaded(plain_python, fitted) -> Path:
    """The folder with what the plain environment answered, or why it could not."""
    folder, answers = fitted
    subprocess.run([plain_python, "-I", "-c", PROGRAM, folder, *answers], check=True, cwd=folder)
    return folder


@pytest.mark.parametrize("name", ["-".join(entry) for entry in ENTRIES])
def test_the_hr_applications_environment_predicts_the_same(loaded, fitted, name):
    failure = loaded / f"{name}.txt"
    assert not failure.exists(), failure.read_text()
    found = np.load(loaded / f"{name}.npz")
    probabilities, classes = fitted[1][name]
    np.testing.assert_array_equal(found["classes"], classes)
    np.testing.assert_allclose(found["probabilities"], probabilities, rtol=0, atol=1e-12)
