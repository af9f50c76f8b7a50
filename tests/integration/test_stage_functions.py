"""The whole chain through the functions the DAGs call, on the demo company: what it leaves, and again."""

import json

import pytest

from future_skills.config import GateSettings, PredictionSettings
from future_skills.database import fetch_row, fetch_rows, fetch_value
from future_skills.domain import LEVELS, SIGNATURE
from future_skills.ledger.chains import find_chain
from future_skills.ledger.versions import champion
from future_skills.registry.page import NAME
from support.company import load_demo
from support.pipeline import run_chain
from support.prepared import SIZES

FOREST = {"parameters": {"n_estimators": 10}}
PREDICTIONS = "public.future_skills_futureskillprediction"


@pytest.fixture
def company(hr):
    """The demo company, small."""
    load_demo(hr, **SIZES)
    return hr


@pytest.mark.parametrize("feature_set", ["core", "extended"])
def test_a_chain_can_learn_from_decisions_alone(company, store, keys, settings, feature_set):
    training = settings.training.model_copy(update={"implicit_ratio": 0.0})
    settings = settings.model_copy(update={"gate": GateSettings(resamples=200), "training": training})
    chain = run_chain(company, store, keys, settings, feature_set=feature_set, **FOREST)
    assert chain.version.facts["rows"] == {"decided": 600, "implicit": 0}
    assert chain.evaluation.verdict == "promote"
    assert (chain.batch.state, chain.batch.counts["inserted"]) == ("published", 30 * 60)


def test_a_whole_chain_and_an_unchanged_second_one(company, store, keys, settings):
    settings = settings.model_copy(
        update={"gate": GateSettings(resamples=500), "prediction": PredictionSettings(shards=3, smallest_shard=1)}
    )
    first = run_chain(company, store, keys, settings, **FOREST)

    assert first.dataset.decided_rows == 600
    assert (first.version.version, first.version.estimator) == ("v1", "random_forest")
    assert first.evaluation.verdict == "promote"
    overall, baselines = first.evaluation.metrics["overall"], first.evaluation.metrics["baselines"]
    assert overall["ap_high"]["value"] > max(baseline["ap_high"] for baseline in baselines.values())
    assert first.request.state == "approved"
    assert champion(company) == first.version
    assert (first.batch.state, first.batch.counts["inserted"]) == ("published", 30 * 60)

    stages = find_chain(company, first.dataset.dataset_id)["stages"]
    assert {stage: stages[stage]["state"] for stage in stages} == {
        "dataset": "accepted",
        "training": "trained",
        "evaluation": "measured",
        "gate": "promote",
        "candidate": "requested",
        "deployment": "deploy",
        "prediction": "published",
        "drift": "reported",
    }
    assert not first.report.drifted
    assert not first.report.unknown
    assert b"<html" in store.read(first.report.html_uri)[:500].lower()
    training_run = fetch_row(company, "SELECT * FROM public.future_skills_trainingrun")
    assert (training_run["model_version"], training_run["n_estimators"], training_run["status"]) == ("v1", 10, "COMPLETED")
    prediction_run = fetch_row(company, "SELECT * FROM public.future_skills_predictionrun")
    assert prediction_run["total_predictions"] == 30 * 60
    assert prediction_run["parameters"]["dataset"] == first.dataset.dataset_id
    page = store.path(NAME).read_text()
    assert "Deployed: **v1**" in page
    assert page.count("| promote |") == 1
    assert "FUTURE_SKILLS_MODEL_VERSION=v1" in store.path("future_skills_model.env").read_text()
    assert json.loads(store.path("models/future_skills_model_v1.json").read_bytes())["model_version"] == "v1"
    for row in fetch_rows(company, f"SELECT level, rationale, explanation FROM {PREDICTIONS}"):
        assert row["level"] in LEVELS
        assert row["rationale"].endswith(SIGNATURE)
        assert row["explanation"]["batch"] == first.batch.batch_id
    assert fetch_value(company, f"SELECT count(DISTINCT (job_role_id, skill_id)) FROM {PREDICTIONS}") == 30 * 60

    second = run_chain(company, store, keys, settings, **FOREST)

    assert second.dataset.dataset_id != first.dataset.dataset_id
    assert second.dataset.digest == first.dataset.digest
    assert second.evaluation.verdict == "keep"
    assert (second.request, second.deployment_id) == (None, None)
    assert second.batch.version == "v1"
    assert second.report.reference_batch_id == first.batch.batch_id
    assert not second.report.drifted
    assert second.report.counted
    assert second.batch.counts["unchanged"] == 30 * 60
    assert not any(second.batch.counts[name] for name in ("inserted", "updated", "deleted", "restored", "taken_over", "dropped"))
    assert fetch_value(company, "SELECT count(*) FROM public.future_skills_predictionrun") == 2
    assert fetch_value(company, "SELECT count(*) FROM future_skills_ops.prediction_change") == 0
    assert "| v2 |" in store.path(NAME).read_text()
