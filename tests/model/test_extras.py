"""Estimators of optional packages: levels, weights, seeds, threads, and what is said where a package is absent."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from future_skills.domain import FEATURES, LEVELS
from future_skills.model.estimators import ESTIMATORS, InvalidParametersError, build_estimator
from future_skills.model.fitting import fit_pipeline
from future_skills.model.scores import probabilities_of
from future_skills.store.models import save_model
from support.estimators import EXTRAS, configuration, needed

INCLUDE = Path(__file__).parents[2] / "include"


@pytest.fixture(params=EXTRAS)
def extra(request) -> str:
    return needed(request.param)


def test_a_level_means_the_same_in_training_and_prediction(extra, dataset):
    rows = dataset.training.assign(future_need_level=np.resize(LEVELS, len(dataset.training)))
    rows["internal_usage"] = rows["future_need_level"].map({"LOW": 0.0, "MEDIUM": 0.5, "HIGH": 1.0})
    rounds = {"epochs": 20} if extra == "keras" else {"n_estimators": 20}
    pipeline = fit_pipeline(rows, configuration(extra, **rounds))
    best = probabilities_of(pipeline, rows).argmax(axis=1)
    assert np.mean(np.array(LEVELS)[best] == rows["future_need_level"]) > 0.99
    assert np.mean(pipeline.predict(rows) == rows["future_need_level"]) > 0.99


def test_two_levels_are_enough(extra, dataset):
    rows = dataset.training[dataset.training["future_need_level"].isin(["MEDIUM", "HIGH"])]
    probabilities = probabilities_of(fit_pipeline(rows, configuration(extra)), rows)
    assert not probabilities[:, LEVELS.index("LOW")].any()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)


def test_weights_reach_the_estimator(extra, dataset):
    rows = dataset.training
    heavy = rows.assign(weight=np.where(rows["future_need_level"] == "HIGH", 50.0, 1.0))
    plain, weighted = (probabilities_of(fit_pipeline(given, configuration(extra)), rows) for given in (rows, heavy))
    assert weighted[:, 2].mean() > plain[:, 2].mean() + 0.1


def test_the_same_seed_gives_the_same_model_however_many_threads(extra, dataset):
    one, two = (fit_pipeline(dataset.training, replace(configuration(extra), threads=threads)) for threads in (1, 2))
    np.testing.assert_array_equal(*(probabilities_of(pipeline, dataset.training) for pipeline in (one, two)))


def test_an_artefact_holds_no_training_row(extra, dataset):
    """The wrapper of keras remembers the arguments of its fit, the rows' weights among them."""
    classifier = fit_pipeline(dataset.training, configuration(extra))["clf"]
    arrays = [value for value in vars(classifier).values() if isinstance(value, np.ndarray)]
    assert not any(len(array) == len(dataset.training) for array in arrays)
    assert "sample_weight" not in str(vars(classifier).get("fit_kwargs"))


@pytest.mark.parametrize(
    ("estimator", "parameters", "reason"),
    [
        ("xgboost", {"trees": 5}, "no hyperparameter trees"),
        ("xgboost", {"n_estimators": -1}, "n_estimators has to be a whole number of at least 1, not -1"),
        ("xgboost", {"n_estimators": "many"}, "n_estimators has to be"),
        ("xgboost", {"max_depth": "deep"}, "Invalid Parameter format for max_depth"),
        ("xgboost", {"subsample": 5}, "subsample"),
        ("xgboost", {"booster": "gbforest"}, "Unknown gbm type gbforest"),
        ("xgboost", {"objective": "count:poisson"}, "objective has to stay 'binary:logistic'"),
        ("xgboost", {"early_stopping_rounds": 3}, "refuses its hyperparameters"),
        ("lightgbm", {"n_estimators": 0}, "n_estimators has to be"),
        ("lightgbm", {"num_leaves": 1}, "num_leaves"),
        ("lightgbm", {"learning_rate": -1.0}, "learning_rate"),
        ("lightgbm", {"boosting_type": "forest"}, "Unknown boosting type forest"),
        ("lightgbm", {"objective": "regression"}, "objective has to stay None"),
        ("keras", {"epochs": 0}, "'epochs' parameter"),
        ("keras", {"dropout": 1.5}, "'dropout' parameter"),
        ("keras", {"hidden": "wide"}, "'hidden' parameter"),
        ("keras", {"layers": [3]}, "no hyperparameter layers; it has batch_size, dropout"),
    ],
)
def test_a_hyperparameter_is_refused_before_anything_is_fitted(estimator, parameters, reason):
    with pytest.raises(InvalidParametersError, match=reason):
        build_estimator(needed(estimator), parameters, random_state=1, threads=1)


def test_trees_that_cannot_be_explained_are_refused_before_they_are_deployed():
    with pytest.raises(InvalidParametersError, match="xgboost refuses its hyperparameters"):
        build_estimator(needed("xgboost"), {"multi_strategy": "multi_output_tree"}, random_state=1, threads=1)


def test_layers_without_a_width_are_an_error_of_the_parameters(dataset):
    with pytest.raises(InvalidParametersError, match="hidden has to be widths"):
        fit_pipeline(dataset.training, configuration(needed("keras"), hidden=[8, 0]))


def test_the_hr_application_is_not_promised_what_it_cannot_load():
    assert {name for name, entry in ESTIMATORS.items() if not entry.loadable_by_hr} == set(EXTRAS)


def run(program: str) -> str:
    """What a program prints that runs in a process of its own, where nothing is imported yet."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("KERAS", "JAX", "NPROC"))}
    environment["PYTHONPATH"] = str(INCLUDE)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    return done.stdout


def without(package: str, failure: str = "ModuleNotFoundError(f'No module named {name!r}', name=name)") -> str:
    """The start of a program for which the package is not installed, or fails otherwise when it is imported."""
    return f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == {package!r}:
            raise {failure}

sys.meta_path.insert(0, Absent())
"""


@pytest.mark.parametrize(("estimator", "target"), EXTRAS.items())
def test_a_missing_package_names_the_command_that_installs_it(estimator, target):
    told = run(f"""{without(estimator)}
from future_skills.model.estimators import build_estimator
from future_skills.domain import MissingExtraError

try:
    build_estimator({estimator!r}, {{}}, random_state=1, threads=1)
except MissingExtraError as error:
    print(error)
""")
    assert f"run `make {target}`" in told


def test_a_machine_without_openmp_is_told_which_package_brings_it():
    told = run(f"""{without("lightgbm", "OSError('libgomp.so.1: cannot open shared object file')")}
from future_skills.model.estimators import build_estimator
from future_skills.domain import MissingExtraError

try:
    build_estimator("lightgbm", {{}}, random_state=1, threads=1)
except MissingExtraError as error:
    print(error)
""")
    assert "libgomp.so.1: cannot open" in told
    assert "libgomp1" in told


def loading(artifact, settings, rows_path: Path) -> str:
    """A program that loads an artefact and prints the probabilities of rows."""
    return f"""
import pandas as pd
from future_skills.config import Settings
from future_skills.domain import MissingExtraError
from future_skills.model.scores import probabilities_of
from future_skills.store.artifacts import Store
from future_skills.store.models import load_model
from future_skills.store.signing import Artifact, SigningKeys

settings = Settings(store_uri={settings.store_uri!r}, signing_keys={{"k1": "0123456789abcdef0123456789abcdef"}})
rows = pd.read_csv({str(rows_path)!r}, float_precision="round_trip", keep_default_na=False)
try:
    pipeline = load_model(Store.open(settings.store_uri), Artifact(**{asdict(artifact)!r}), SigningKeys.of(settings))
    print(probabilities_of(pipeline, rows).tolist())
except MissingExtraError as error:
    print(error)
"""


def test_another_process_loads_it_or_says_what_is_missing(extra, dataset, store, keys, settings, tmp_path):
    rows = dataset.training.head(50)
    rows[list(FEATURES)].to_csv(tmp_path / "rows.csv", index=False)
    pipeline = fit_pipeline(dataset.training, configuration(extra))
    program = loading(save_model(store, "models/extra.pkl", pipeline, keys), settings, tmp_path / "rows.csv")
    np.testing.assert_allclose(json.loads(run(program)), probabilities_of(pipeline, rows), atol=1e-6)
    assert f"not installed here ({extra}" in run(without(extra) + program)


def test_the_table_needs_none_of_the_optional_packages():
    program = "import sys, future_skills.model.estimators; print({'xgboost', 'lightgbm', 'keras', 'jax'} & set(sys.modules))"
    assert run(program).strip() == "set()"
