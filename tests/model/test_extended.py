"""The extended feature set: what its columns are made of, and that scoring, explaining and storing them agree."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from future_skills.database import execute, fetch_frame
from future_skills.dataset.context import STRUCTURE, PairContext
from future_skills.dataset.reading import load_dataset
from future_skills.dataset.snapshot import read_snapshot
from future_skills.domain import FEATURES
from future_skills.ledger.datasets import get_dataset
from future_skills.model.estimators import InvalidParametersError
from future_skills.model.evidence import COLUMNS, CROSS_FITS, EvidenceEncoder
from future_skills.model.fitting import Configuration, fit_pipeline
from future_skills.model.folds import role_folds
from future_skills.model.inputs import pipeline_input
from future_skills.model.neighbours import NOISE, RoleRegression
from future_skills.model.preprocessing import feature_of_column
from future_skills.model.scores import probabilities_of, scores_of
from future_skills.prediction.attribution import attribute
from future_skills.prediction.scoring import PairScorer
from future_skills.registry.retraining import RetrainingOrder, version_for
from future_skills.store.models import load_model, save_model
from support.pipeline import Workbench

BOOSTING = Configuration("hist_gradient_boosting", "target", {"max_iter": 20}, random_state=1, threads=1)
LOGISTIC = Configuration("logistic_regression", "target", {}, random_state=1, threads=1)
FOREST = Configuration("random_forest", "target", {"n_estimators": 10}, random_state=1, threads=1)
COLUMN = {name: number for number, name in enumerate(COLUMNS)}


@pytest.fixture(scope="module")
def context(dataset) -> PairContext:
    return dataset.context


@pytest.fixture(scope="module", params=[BOOSTING, LOGISTIC, FOREST], ids=lambda configuration: configuration.estimator)
def pipeline(request, dataset, context):
    return fit_pipeline(dataset.training, request.param, context)


def flipped(rows: pd.DataFrame, chosen) -> pd.DataFrame:
    rows = rows.copy()
    rows.loc[chosen, "future_need_level"] = rows.loc[chosen, "future_need_level"].map(
        {"LOW": "HIGH", "MEDIUM": "LOW", "HIGH": "LOW"}
    )
    return rows


def encoded(rows: pd.DataFrame, context: PairContext) -> np.ndarray:
    levels = rows["future_need_level"].to_numpy(dtype=str)
    return EvidenceEncoder(1).fit_transform(pipeline_input(rows, context), levels)


# What no column may know


def test_no_column_of_a_training_row_knows_a_label_of_its_role_or_of_its_fold(dataset, context):
    rows = dataset.training.reset_index(drop=True)
    fold = role_folds(rows["job_role_id"].to_numpy(), CROSS_FITS, 1)
    before = encoded(rows, context)
    for number in (0, 7):
        own = fold == number
        after = encoded(flipped(rows, own), context)
        np.testing.assert_array_equal(after[own], before[own])
        assert not np.array_equal(after[~own], before[~own])


def test_a_known_role_is_encoded_without_its_own_decisions(dataset, context):
    rows = dataset.training.reset_index(drop=True)
    role = rows.loc[rows["population"] == "decided", "job_role_id"].mode()[0]
    own = (rows["job_role_id"] == role).to_numpy()
    one, other = (
        EvidenceEncoder(1).fit(pipeline_input(part, context), part["future_need_level"].to_numpy(dtype=str))
        for part in (rows, flipped(rows, own & (rows["population"] == "decided")))
    )
    skills = np.arange(len(context.skill_ids))
    position = int(np.flatnonzero(context.role_ids == role)[0])
    undecided = ~np.isin(context.skill_ids, rows.loc[own & (rows["population"] == "decided"), "skill_id"])
    asked = pd.DataFrame({"job_role_id": role, "skill_id": context.skill_ids[skills[undecided]]})
    before, after = (encoder.transform(pipeline_input(asked, context)) for encoder in (one, other))
    counted = [
        number for name, number in COLUMN.items() if name.startswith(("high_", "medium_", "skill_", "role_high_of_skills"))
    ]
    np.testing.assert_array_equal(after[:, counted], before[:, counted])
    others = np.flatnonzero(np.arange(len(context.role_ids)) != position)[:5]
    elsewhere = pd.DataFrame(
        {"job_role_id": np.repeat(context.role_ids[others], len(skills)), "skill_id": np.tile(context.skill_ids, 5)}
    )
    before, after = (encoder.transform(pipeline_input(elsewhere, context)) for encoder in (one, other))
    assert np.abs(after - before).max() > 0.05


def test_a_known_role_is_regressed_like_one_that_nobody_decided_about(dataset, context):
    rows = dataset.training.reset_index(drop=True)
    regressed = {name: number for name, number in COLUMN.items() if name.startswith("similar_roles_")}
    assert len(regressed) == 5
    encoder = EvidenceEncoder(1).fit(pipeline_input(rows, context), rows["future_need_level"].to_numpy(dtype=str))
    for role in context.role_ids[:8]:
        others = rows[rows["job_role_id"] != role]
        without = EvidenceEncoder(1).fit(pipeline_input(others, context), others["future_need_level"].to_numpy(dtype=str))
        asked = pipeline_input(pd.DataFrame({"job_role_id": role, "skill_id": context.skill_ids}), context)
        difference = np.abs(encoder.transform(asked) - without.transform(asked)).max(axis=0)
        assert difference[regressed["similar_roles_distance"]] < 1e-5
        # what is expected of a skill everywhere counts the role: its own surplus would move them by .2 and more
        assert difference[list(regressed.values())].max() < 0.05


def test_implicit_rows_are_no_evidence(dataset, context):
    rows = dataset.training
    levels = rows["future_need_level"].to_numpy(dtype=str)
    decided = rows[rows["population"] == "decided"]
    asked = pipeline_input(rows, context)
    one = EvidenceEncoder(1).fit(pipeline_input(rows, context), levels).transform(asked)
    other = EvidenceEncoder(1).fit(pipeline_input(decided, context), decided["future_need_level"].to_numpy(dtype=str))
    np.testing.assert_array_equal(one, other.transform(asked))


def test_the_surroundings_do_not_even_know_that_hr_has_decided(dataset):
    snapshot = dataset.snapshot
    blind = replace(snapshot, decisions=snapshot.decisions.iloc[:0])
    one, other = PairContext(snapshot), PairContext(blind)
    role, skill = np.arange(20), np.arange(20)
    np.testing.assert_array_equal(one.structure(role, skill), other.structure(role, skill))
    np.testing.assert_array_equal(one.similarity, other.similarity)


# The columns


def test_shares_and_counts_are_those_of_the_other_roles(dataset, context):
    rows = dataset.decided
    levels = rows["future_need_level"].to_numpy(dtype=str)
    matrix = EvidenceEncoder(1).fit(pipeline_input(rows, context), levels).transform(pipeline_input(rows, context))
    for number in range(0, len(rows), 97):
        row = rows.iloc[number]
        others = rows[(rows["skill_id"] == row["skill_id"]) & (rows["job_role_id"] != row["job_role_id"])]
        assert matrix[number, COLUMN["skill_decisions"]] == len(others)
        assert matrix[number, COLUMN["skill_high"]] == (others["future_need_level"] == "HIGH").sum()
    assert np.isfinite(matrix).all()
    assert matrix.shape == (len(rows), len(COLUMNS))
    shares = matrix[:, [number for name, number in COLUMN.items() if name.startswith(("high_", "medium_"))]]
    assert shares.min() >= 0
    assert shares.max() <= 1


def test_every_column_belongs_to_a_feature_people_know(dataset, context):
    pipeline = fit_pipeline(dataset.training, LOGISTIC, context)
    assert set(COLUMNS.values()) <= set(FEATURES)
    assert [FEATURES[number] for number in feature_of_column(pipeline)] == list(COLUMNS.values())
    assert len(STRUCTURE) == context.structure(np.array([0]), np.array([0])).shape[1]


@given(st.integers(0, 10_000), st.integers(3, 8), st.integers(0, 3))
def test_a_role_left_out_is_predicted_as_if_it_had_never_been_known(seed, roles, unknown):
    random = np.random.default_rng(seed)
    features = random.normal(size=(roles + unknown, 4))
    similarity = np.exp(-((features[:, None] - features[None]) ** 2).sum(axis=2))
    known = np.arange(roles)
    targets = random.normal(size=(roles, 2))
    found = RoleRegression(similarity, known, NOISE, leave_out=True)
    for role in known:
        rest = np.delete(known, role)
        expected = RoleRegression(similarity, rest, NOISE, leave_out=False)
        np.testing.assert_allclose(found.mean(targets)[role], expected.mean(targets[rest])[role], atol=1e-8)
        np.testing.assert_allclose(found.variance()[role], expected.variance()[role], atol=1e-8)
    plain = RoleRegression(similarity, known, NOISE, leave_out=False)
    np.testing.assert_allclose(found.mean(targets)[roles:], plain.mean(targets)[roles:], atol=1e-12)


def test_nothing_known_says_nothing(context):
    found = RoleRegression(context.similarity, np.empty(0, dtype=int), NOISE, leave_out=True)
    assert not found.mean(np.zeros((0, 3))).any()
    np.testing.assert_array_equal(found.variance(), np.diagonal(context.similarity))


def test_vacancies_of_a_role_are_a_column_when_the_company_counts_them(bench: Workbench):
    row = bench.export()
    without = load_dataset(bench.store, row).context
    execute(
        bench.connection,
        "CREATE VIEW future_skills_ops.vacancies AS SELECT id AS job_role_id, (10 * id)::int AS value FROM"
        " public.future_skills_jobrole UNION ALL SELECT 999999, 5",
    )
    bench.connection.commit()
    snapshot = read_snapshot(bench.connection, date(2026, 11, 23)).snapshot
    assert 999_999 not in set(snapshot.vacancies["job_role_id"])
    column = list(STRUCTURE).index("role_vacancies")
    role = np.arange(len(snapshot.roles))
    found = PairContext(snapshot).structure(role, np.zeros_like(role))[:, column]
    np.testing.assert_allclose(found, np.log1p(10 * snapshot.roles["job_role_id"].to_numpy()))
    assert not without.structure(role, np.zeros_like(role))[:, column].any()


# From training to prediction


def test_pairs_are_scored_as_the_pipeline_scores_their_rows(pipeline, dataset, context):
    rows = dataset.training.sample(300, random_state=1)
    scorer = PairScorer(pipeline, context.features, context)
    found = scorer.probabilities(*context.features.positions(rows["job_role_id"], rows["skill_id"]))
    np.testing.assert_allclose(found, probabilities_of(pipeline, rows, context), atol=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_contributions_and_base_sum_to_the_quantity_they_explain(pipeline, context):
    role, skill = np.repeat(np.arange(10), 20), np.tile(np.arange(20), 10)
    scorer = PairScorer(pipeline, context.features, context)
    found = attribute(scorer, role, skill)
    total = found.contributions.sum(axis=1) + found.base
    probabilities = scorer.probabilities(role, skill)
    expected = (
        scores_of(probabilities)
        if type(pipeline["clf"]).__name__ == "RandomForestClassifier"
        else 0.5 * (np.log(probabilities[:, 2]) - np.log(probabilities[:, 0]))
    )
    np.testing.assert_allclose(total, expected, atol=0.006 if expected.max() > 50 else 1e-6)


def test_a_stored_pipeline_answers_as_before_and_in_another_snapshot(pipeline, dataset, context, store, keys):
    rows = dataset.training.head(200)
    before = probabilities_of(pipeline, rows, context)
    loaded = load_model(store, save_model(store, "models/extended.pkl", pipeline, keys), keys)
    np.testing.assert_array_equal(probabilities_of(loaded, rows, context), before)
    gone = rows["job_role_id"].iloc[0]
    snapshot = dataset.snapshot
    fewer = replace(
        snapshot,
        roles=snapshot.roles[snapshot.roles["job_role_id"] != gone].reset_index(drop=True),
        usage=snapshot.usage[snapshot.usage["job_role_id"] != gone],
        role_sizes=snapshot.role_sizes[snapshot.role_sizes["job_role_id"] != gone],
        decisions=snapshot.decisions[snapshot.decisions["job_role_id"] != gone],
    )
    rest = rows[rows["job_role_id"] != gone]
    found = probabilities_of(loaded, rest, PairContext(fewer))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_an_extended_version_goes_all_the_way_and_is_marked_as_not_for_the_hr_application(bench: Workbench):
    version = bench.train(bench.export(), feature_set="extended", parameters={"C": 0.1})
    assert version.feature_set == "extended"
    assert not version.loadable_by_hr
    assert version.facts["features"] == list(COLUMNS)
    evaluation = bench.evaluate(version, "refresh")
    assert evaluation.metrics["comparison"]["champion"] == "v1"
    assert {entry["feature"] for entry in evaluation.metrics["importance"]} == set(FEATURES)
    assert evaluation.metrics["known_roles"]["rows"] > 0


def test_extended_predictions_are_published_with_words_of_their_own(bench: Workbench):
    version = bench.train(bench.export(), feature_set="extended", parameters={"C": 0.1})
    batch = bench.predict(version=version.version)
    assert batch.version == version.version
    rows = fetch_frame(
        bench.connection,
        "SELECT job_role_id, skill_id, score::float, rationale, explanation FROM public.future_skills_futureskillprediction",
    )
    dataset = load_dataset(bench.store, get_dataset(bench.connection, batch.dataset_id))
    fold_of_role = load_model(bench.store, version.artifacts["folds"], bench.keys)
    pair = ["job_role_id", "skill_id"]
    decided = rows.merge(dataset.decided[[*pair, "population"]], on=pair)
    for number in set(fold_of_role.values()):
        pipeline = load_model(bench.store, version.artifacts[f"fold-{number}"], bench.keys)
        own = decided[decided["job_role_id"].map(fold_of_role) == number]
        expected = scores_of(probabilities_of(pipeline, own, dataset.context))
        np.testing.assert_allclose(own["score"], expected, atol=0.011)
    factors = [factor for explanation in rows["explanation"] for factor in explanation["top_factors"]]
    assert {factor["feature_readable"] for factor in factors if factor["feature"] == "job_role_name"} == {
        "what similar job roles need"
    }


def test_onehot_is_no_encoding_of_the_extended_features(bench: Workbench):
    with pytest.raises(InvalidParametersError, match="encodes text in its own way"):
        bench.train(bench.export(), feature_set="extended", preprocessing="onehot")


@pytest.mark.parametrize(
    "named, configured, expected",
    [
        ({}, {}, ("target", "core")),
        ({"feature_set": "extended"}, {"preprocessing": "onehot"}, ("target", "extended")),
        ({"preprocessing": "onehot"}, {"feature_set": "extended"}, ("onehot", "core")),
        ({}, {"feature_set": "extended"}, ("target", "extended")),
        ({"preprocessing": "target"}, {"feature_set": "extended"}, ("target", "extended")),
    ],
)
def test_what_a_run_names_wins_over_a_default_that_does_not_go_with_it(bench: Workbench, named, configured, expected):
    training = bench.settings.training.model_copy(update=configured)
    settings = bench.settings.model_copy(update={"training": training})
    order = RetrainingOrder("manual", "run", **named)
    version = version_for(bench.connection, bench.store, bench.keys, settings, order, bench.export().dataset_id)
    assert (version.preprocessing, version.feature_set) == expected


def test_deploying_an_extended_version_leaves_the_hr_application_alone(bench: Workbench, tmp_path):
    version = bench.train(bench.export(), feature_set="extended", parameters={"C": 0.1})
    evaluation = bench.evaluate(version, "refresh")
    with bench.connection:
        execute(bench.connection, "UPDATE future_skills_ops.evaluation SET verdict = 'promote'")
    hooked = replace(bench, settings=bench.settings.model_copy(update={"deploy_hook": f"touch {tmp_path}/called"}))
    hooked.approve(hooked.ask(evaluation))
    before = bench.store.path("future_skills_model.env").read_bytes()
    hooked.deploy(version.version)
    assert bench.store.path("future_skills_model.env").read_bytes() == before
    assert not (tmp_path / "called").exists()
    hooked.deploy("v1", kind="rollback")
    assert (tmp_path / "called").exists()
