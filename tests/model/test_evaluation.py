"""An evaluation is honest: unseen roles, the champion on the same rows, baselines beside it, and no figure without a source."""

import json
from dataclasses import replace

import numpy as np
import pytest

from future_skills.config import GateSettings
from future_skills.database import execute, fetch_value
from future_skills.dataset.reading import load_dataset
from future_skills.dataset.role_split import holdout_role_ids
from future_skills.ledger.datasets import get_dataset
from future_skills.ledger.versions import get_version
from future_skills.model import population as populations
from future_skills.model.cuts import choose_cuts, levels_of
from future_skills.model.evaluation import evaluate_version
from future_skills.model.fitting import Configuration, fit_folds
from future_skills.model.metrics import ap_high
from future_skills.model.population import choose_population, cross_validated_opinions, holdout_opinion
from future_skills.model.scores import scores_of
from future_skills.registry.page import render_registry
from future_skills.store.artifacts import Store
from future_skills.store.signing import SigningKeys
from support.company import load_demo
from support.pipeline import Workbench
from support.prepared import SIZES, quick_settings

EASY = GateSettings(minimum_roles=3, minimum_high=3, resamples=200)


def on_holdout(bench: Workbench) -> Workbench:
    """The same company, where the few held-out roles suffice."""
    return replace(bench, settings=bench.settings.model_copy(update={"gate": EASY}))


def test_too_few_held_out_roles_are_replaced_by_cross_validation_over_all(dataset, holdout):
    decided = dataset.decided
    held = decided[decided["job_role_id"].isin(holdout)]
    high = int((held["future_need_level"] == "HIGH").sum())
    just = GateSettings(minimum_roles=held["job_role_id"].nunique(), minimum_high=high)
    chosen = choose_population(dataset, holdout, 3, 1, just)
    assert (chosen.name, len(chosen.rows)) == ("holdout", len(held))
    for beyond in ({"minimum_roles": just.minimum_roles + 1}, {"minimum_high": high + 1}):
        chosen = choose_population(dataset, holdout, 3, 1, just.model_copy(update=beyond))
        assert (chosen.name, chosen.roles, len(chosen.rows)) == ("cv", decided["job_role_id"].nunique(), 600)


def test_implicit_rows_are_in_no_population(dataset, holdout):
    for gate in (EASY, GateSettings()):
        assert set(choose_population(dataset, holdout, 3, 1, gate).rows["population"]) == {"decided"}


def test_one_decided_role_cannot_be_measured_and_two_can(dataset):
    rows = dataset.training
    for roles, expected in (([1], "none"), ([1, 2], "cv")):
        few = replace(dataset, training=rows[(rows["population"] == "implicit") | rows["job_role_id"].isin(roles)])
        assert choose_population(few, frozenset(), 3, 1, GateSettings()).name == expected


def test_held_out_roles_alone_are_no_holdout_as_nothing_is_left_to_learn_from(dataset):
    roles = dataset.decided["job_role_id"].unique()
    for left, expected in ((1, "cv"), (2, "holdout")):
        assert choose_population(dataset, frozenset(roles[left:].tolist()), 3, 1, EASY).name == expected


@pytest.mark.parametrize("seed", range(5))
def test_decisions_on_very_few_roles_are_measured_whatever_folds_they_fall_into(dataset, seed):
    rows = dataset.training
    few = rows[(rows["population"] == "implicit") | rows["job_role_id"].isin([1, 2])].reset_index(drop=True)
    configuration = Configuration("logistic_regression", "target", {}, random_state=seed, threads=1)
    for opinion in cross_validated_opinions(replace(dataset, training=few), configuration, 3):
        assert set(opinion.levels) <= {"LOW", "MEDIUM", "HIGH"}


def test_a_fold_is_judged_by_a_pipeline_and_cuts_of_the_other_folds(dataset):
    configuration = Configuration("logistic_regression", "target", {}, random_state=1, threads=1)
    decided = (dataset.training["population"] == "decided").to_numpy()
    levels = dataset.training["future_need_level"].to_numpy()
    for repetition, opinion in enumerate(cross_validated_opinions(dataset, configuration, 3)):
        known = fit_folds(dataset.training, configuration, 3, 1 + repetition)
        scores = scores_of(known.probabilities)
        np.testing.assert_array_equal(opinion.probabilities, known.probabilities[decided])
        for fold in range(3):
            inside, others = decided & (known.folds == fold), decided & (known.folds != fold)
            expected = levels_of(scores[inside], choose_cuts(scores[others], levels[others]))
            assert opinion.levels[known.folds[decided] == fold].tolist() == expected.tolist()


def test_on_the_holdout_the_evaluated_artefact_answers_and_the_champion_on_the_same_rows(bench):
    bench = on_holdout(bench)
    version = bench.train(bench.export(), estimator="random_forest", parameters={"n_estimators": 5})
    metrics = bench.evaluate(version).metrics
    dataset = load_dataset(bench.store, get_dataset(bench.connection, version.dataset_id))
    with bench.connection:
        holdout = holdout_role_ids(bench.connection)
    population = choose_population(dataset, holdout, 3, 42, EASY)
    assert metrics["population"] == "holdout"
    assert metrics["rows"] == len(population.rows)
    assert metrics["holdout_roles"] == len(holdout)
    for name, expected in (("v2", metrics["overall"]), ("v1", metrics["baselines"]["champion"])):
        opinion = holdout_opinion(get_version(bench.connection, name), population, bench.store, bench.keys)[0]
        value = expected["ap_high"]["value"] if name == "v2" else expected["ap_high"]
        assert value == pytest.approx(ap_high(population.levels, opinion.ranking))
    assert metrics["comparison"]["champion"] == "v1"
    assert metrics["comparison"]["ap_high"]["difference"] == pytest.approx(
        metrics["overall"]["ap_high"]["value"] - metrics["baselines"]["champion"]["ap_high"]
    )
    assert set(metrics["baselines"]) == {"majority", "rules", "skill_share", "champion"}


def test_in_cross_validation_the_champions_configuration_is_refitted(bench):
    version = bench.train(bench.export())
    evaluation = bench.evaluate(version)
    assert evaluation.population == "cv"
    assert evaluation.champion_version == "v1"
    assert evaluation.metrics["comparison"]["ap_high"] == {"difference": 0.0, "ci": [0.0, 0.0]}
    assert evaluation.verdict == "keep"


def test_the_champion_itself_is_compared_with_nothing(bench):
    evaluation = bench.evaluate(get_version(bench.connection, "v1"))
    assert evaluation.champion_version is None
    assert evaluation.metrics["comparison"] is None
    assert evaluation.verdict == "keep"


@pytest.mark.parametrize("population", ["holdout", "cv"])
def test_a_champion_of_another_scikit_learn_is_refitted_instead_of_loaded(bench, population):
    bench = on_holdout(bench) if population == "holdout" else bench
    execute(
        bench.connection,
        'UPDATE future_skills_ops.model_version SET libraries = libraries || \'{"scikit-learn": "1.6.0"}\'',
    )
    bench.connection.commit()
    bench.store.resolve(get_version(bench.connection, "v1").artifacts["evaluated"].uri).write_bytes(b"of another time")
    evaluation = bench.evaluate(bench.train(bench.export()), mode="refresh")
    assert evaluation.population == population
    assert evaluation.metrics["comparison"]["ap_high"]["difference"] == pytest.approx(0)


def test_a_champion_that_cannot_be_refitted_is_named_and_stops_nobody(bench):
    with bench.connection:
        execute(bench.connection, "UPDATE future_skills_ops.model_version SET parameters = '{\"gone\": 1}' WHERE version = 'v1'")
    evaluation = bench.evaluate(bench.train(bench.export()))
    assert evaluation.population == "cv"
    assert evaluation.verdict == "keep"
    assert evaluation.metrics["champion_unmeasured"].startswith(
        "The deployed version v1 could not be measured: logistic_regression"
    )
    assert evaluation.metrics["overall"]["ap_high"]["value"] > 0.5


def test_a_version_that_could_not_keep_the_held_out_roles_apart_is_refitted_when_they_are_asked_about(bench):
    with bench.connection:
        execute(
            bench.connection,
            "UPDATE future_skills_ops.model_version SET facts = facts || '{\"holdout_kept_apart\": false}' WHERE version = 'v1'",
        )
    bench.store.path("models/future_skills_model_v1.evaluated.pkl").unlink()
    gate = bench.settings.gate.model_copy(update={"minimum_roles": 2, "minimum_high": 2})
    settings = bench.settings.model_copy(update={"gate": gate})
    evaluation = replace(bench, settings=settings).evaluate(bench.train(bench.export()))
    assert evaluation.population == "holdout"
    assert evaluation.metrics["comparison"]["champion"] == "v1"


def test_the_same_request_returns_the_same_evaluation(bench):
    arguments = (bench.connection, bench.store, bench.keys, bench.settings, "v1")
    one = evaluate_version(*arguments, request_key="again")
    assert evaluate_version(*arguments, request_key="again") == one
    assert fetch_value(bench.connection, "SELECT count(*) FROM future_skills_ops.evaluation") == 2


def test_the_metadata_file_says_what_the_model_is_and_stays_that_of_the_first_evaluation(bench):
    version = bench.train(bench.export())
    evaluation = bench.evaluate(version)
    path = bench.store.path("models/future_skills_model_v2.json")
    content = json.loads(path.read_bytes())
    assert content["metrics"] == evaluation.metrics
    assert content["model_classes"] == ["HIGH", "LOW", "MEDIUM"]
    assert content["artifacts"]["served"]["sha256"] == version.digest
    assert content["dataset"]["label_source"] == "hr_decision"
    assert (content["cuts"], len(content["features"])) == (version.cuts, 11)
    bench.evaluate(version, mode="refresh")
    assert json.loads(path.read_bytes()) == content


def test_the_targets_of_the_original_design_are_reported_with_their_distance(bench):
    metrics = bench.evaluate(bench.train(bench.export())).metrics
    weighted = metrics["overall"]["weighted_f1"]["value"]
    assert metrics["targets"]["weighted_f1"] == {"target": 0.95, "value": weighted, "distance": weighted - 0.95}
    assert metrics["targets"]["training_seconds"]["distance"] > 50


@pytest.fixture
def bootstrap(hr, tmp_path) -> Workbench:
    """A company that has decided too little; v1, trained on the rules, is deployed."""
    load_demo(hr, **{**SIZES, "roles": 20, "decisions": 30})
    settings = quick_settings(tmp_path / "bootstrap")
    bench = Workbench(hr, Store.open(settings.store_uri), SigningKeys.of(settings), settings)
    evaluation = bench.evaluate(bench.train(bench.export()))
    assert (evaluation.verdict, evaluation.metrics["accuracy_known"]) == ("bootstrap", False)
    bench.approve(bench.ask(evaluation))
    bench.deploy("v1")
    return bench


def test_bootstrap_labels_are_agreement_with_the_rules_everywhere(bootstrap):
    page = render_registry(bootstrap.connection)
    row = next(line for line in page.splitlines() if line.startswith("| v1 |") and "bootstrap" in line)
    assert row.count("agreement with the rules, accuracy unknown") == 2
    assert "Trained on bootstrap labels: its figures are agreement with the rules, accuracy unknown." in page
    note = fetch_value(bootstrap.connection, "SELECT notes FROM public.future_skills_trainingrun")
    assert note.startswith("Agreement with the rules, accuracy unknown.")
    batch = bootstrap.predict()
    assert batch.levels["decided"] == {"LOW": 0, "MEDIUM": 0, "HIGH": 0}
    rationale = fetch_value(bootstrap.connection, "SELECT rationale FROM public.future_skills_futureskillprediction LIMIT 1")
    assert rationale.endswith("Learned from the rules, accuracy unknown. (Future Skills model)")


def test_the_first_honest_model_replaces_a_bootstrap_champion(bootstrap):
    again = bootstrap.evaluate(bootstrap.train(bootstrap.export()))
    assert again.verdict == "keep"
    load_demo(bootstrap.connection, **SIZES)
    honest = bootstrap.evaluate(bootstrap.train(bootstrap.export()))
    assert (honest.metrics["accuracy_known"], honest.verdict) == (True, "promote")


def test_a_model_that_answers_nan_is_rejected_and_the_registry_still_renders(bench, monkeypatch):
    monkeypatch.setattr(populations, "probabilities_of", lambda _, rows, *__: np.full((len(rows), 3), np.nan))
    evaluation = on_holdout(bench).evaluate(bench.train(bench.export()))
    assert evaluation.verdict == "reject"
    assert "| v2 |" in render_registry(bench.connection)
