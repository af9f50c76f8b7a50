"""The whole chain on real occupations and technologies (O*NET): honest figures, and what changes between two releases."""

import pytest

from future_skills.database import fetch_row, fetch_value
from future_skills.hr.interchange import read_company
from future_skills.hr.loader import load_company
from support.pipeline import run_chain

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

PREDICTIONS = "public.future_skills_futureskillprediction"
BASELINES = ("majority", "rules", "skill_share")


@pytest.fixture
def evidence(settings):
    """Settings of this company: only pairs with a trace; the estimator that is quickest to fit well."""
    training = settings.training.model_copy(update={"estimator": "hist_gradient_boosting"})
    return settings.model_copy(update={"pair_scope": "evidence", "training": training})


def test_two_releases_one_after_the_other(hr, store, keys, evidence, onet):
    load_company(hr, read_company(onet / "28.1"))
    first = run_chain(hr, store, keys, evidence)
    metrics = first.evaluation.metrics
    assert metrics["population"] == "holdout"
    assert metrics["roles"] > 150
    assert metrics["accuracy_known"]
    ap_high, macro_f1 = metrics["overall"]["ap_high"]["value"], metrics["overall"]["macro_f1"]["value"]
    assert ap_high > max(metrics["baselines"][name]["ap_high"] for name in BASELINES)
    assert macro_f1 > max(metrics["baselines"][name]["macro_f1"] for name in BASELINES)
    assert first.evaluation.verdict == "promote"
    pairs = first.batch.pairs
    assert first.batch.counts["inserted"] == pairs == fetch_value(hr, f"SELECT count(*) FROM {PREDICTIONS}")

    loaded = load_company(hr, read_company(onet / "29.0"))
    assert loaded.tables["investments"].changed > 0
    second = run_chain(hr, store, keys, evidence)
    assert second.evaluation.champion_version == "v1"
    assert second.evaluation.metrics["roles"] == metrics["roles"]
    assert second.evaluation.metrics["comparison"]["champion"] == "v1"
    batch = fetch_row(hr, "SELECT * FROM future_skills_ops.prediction_batch WHERE batch_id = %s", (second.batch.batch_id,))
    counts = batch["counts"]
    assert counts["inserted"] + counts["updated"] + counts["unchanged"] == batch["pairs"]
    assert fetch_value(hr, f"SELECT count(*) FROM {PREDICTIONS}") == batch["pairs"]
    written = fetch_value(hr, f"SELECT count(*) FROM {PREDICTIONS} WHERE explanation ->> 'batch' = %s", (second.batch.batch_id,))
    assert written == counts["inserted"] + counts["updated"]

    third = run_chain(hr, store, keys, evidence)
    assert (third.batch.counts["inserted"], third.batch.counts["updated"], third.batch.counts["deleted"]) == (0, 0, 0)
    assert third.report.drifted == second.report.drifted
