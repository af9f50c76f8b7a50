"""What predictions were worth once HR had decided, on a company whose weeks are real chains."""

import random
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from future_skills.alerts.decay import decay_alert
from future_skills.config import DriftSettings, GateSettings, MailSettings
from future_skills.database import execute, fetch_frame, fetch_row, fetch_value
from future_skills.dataset.reading import load_dataset
from future_skills.drift.decisions import realise_decisions
from future_skills.drift.realised import Decay, decay, measure_decisions, watch_decay
from future_skills.ledger.chains import find_chain
from future_skills.ledger.datasets import newest_dataset
from future_skills.ledger.realised import performance_of
from future_skills.ledger.versions import get_version
from future_skills.model.resampling import accuracy_of, resample_roles
from support.company import load_demo
from support.prepared import SIZES, copied, prepared

FIRST = date(2026, 10, 5)
PREDICTIONS = "future_skills_futureskillprediction"


def published_in_october(bench) -> None:
    """The demo company of the first Monday of October, with a version and its predictions."""
    load_demo(bench.connection, **SIZES)
    execute(bench.connection, "UPDATE future_skills_hrinvestmentrecommendation SET created_at = created_at - interval '90 days'")
    bench.connection.commit()
    version = bench.train(bench.export(FIRST))
    bench.approve(bench.ask(bench.evaluate(version)))
    bench.deploy(version.version)
    bench.predict()


@pytest.fixture
def bench(hr_template, tmp_path_factory, tmp_path):
    origin = prepared(hr_template, "hr_template", tmp_path_factory.getbasetemp(), "october", published_in_october)
    with copied(origin, tmp_path / "store") as copy:
        yield copy


def decide(bench, levels, day, *, again=False):
    """HR decides a pair for each level, on pairs it had not decided (or had); returns [job_role_id, skill_id, level]."""
    known = "EXISTS" if again else "NOT EXISTS"
    pairs = fetch_frame(
        bench.connection,
        f"SELECT role.id AS job_role_id, skill.id AS skill_id FROM future_skills_jobrole role, future_skills_skill skill"
        f" WHERE {known} (SELECT FROM future_skills_hrinvestmentrecommendation AS old"
        " WHERE (old.job_role_id, old.skill_id) = (role.id, skill.id)) ORDER BY role.id, skill.id",
    )
    chosen = pairs.sample(len(levels), random_state=7, ignore_index=True).assign(level=levels)
    for row in chosen.itertuples():
        execute(
            bench.connection,
            "INSERT INTO future_skills_hrinvestmentrecommendation (job_role_id, skill_id, horizon_years, priority_level,"
            " recommended_action, created_at) VALUES (%s, %s, 5, %s, 'TRAINING', %s)"
            " ON CONFLICT (job_role_id, skill_id, horizon_years) DO UPDATE SET priority_level = EXCLUDED.priority_level,"
            " created_at = EXCLUDED.created_at",
            (row.job_role_id, row.skill_id, row.level, day),
        )
    bench.connection.commit()
    return chosen


def shown(bench, pairs):
    """What HR could see for these pairs."""
    seen = fetch_frame(bench.connection, f"SELECT job_role_id, skill_id, level AS shown FROM {PREDICTIONS}")
    bench.connection.commit()
    return pairs.merge(seen, on=["job_role_id", "skill_id"], how="left", validate="one_to_one")["shown"]


def realise(bench, dataset):
    return realise_decisions(bench.connection, bench.store, bench.keys, bench.settings, dataset.dataset_id)


def test_decisions_are_measured_against_what_hr_could_see(bench):
    pairs = decide(bench, ["HIGH"] * 10 + ["LOW"] * 15 + ["MEDIUM"] * 5, FIRST + timedelta(days=3))
    seen = shown(bench, pairs)
    dataset = bench.export(FIRST + timedelta(days=7))
    measured = realise(bench, dataset)
    assert [(row["decisions"], row["reason"]) for row in measured] == [(0, "it is the first dataset"), (30, None)]
    (row,) = performance_of(bench.connection, "v1")
    assert (row.week, row.population, row.decisions, row.dataset_id) == (date(2026, 10, 12), "undecided", 30, dataset.dataset_id)
    assert row.metrics["accuracy"]["value"] == pytest.approx((seen == pairs["level"]).mean())
    assert (row.metrics["high"], row.metrics["roles"]) == (10, pairs["job_role_id"].nunique())
    assert row.metrics["persistence"]["accuracy"] == 0.5, "what was never decided persists as LOW"
    for name in ("accuracy", "macro_f1", "ap_high"):
        low, high = row.metrics[name]["ci"]
        assert low <= row.metrics[name]["value"] <= high
    stored = fetch_frame(bench.connection, "SELECT level, probability_high FROM future_skills_ops.realised_decision")
    assert row.metrics["ap_high"]["value"] == average_precision_score(stored["level"] == "HIGH", stored["probability_high"])


def test_decisions_made_anew_are_apart_and_beside_persistence(bench):
    anew = decide(bench, ["HIGH"] * 8 + ["LOW"] * 8, FIRST + timedelta(days=2), again=True)
    old = pd.DataFrame(bench_levels(bench), columns=["job_role_id", "skill_id", "old"])
    realise(bench, bench.export(FIRST + timedelta(days=7)))
    (row,) = performance_of(bench.connection, "v1")
    assert (row.population, row.decisions) == ("redecided", 16)
    expected = anew.merge(old, on=["job_role_id", "skill_id"])
    assert row.metrics["persistence"]["accuracy"] == pytest.approx((expected["old"] == expected["level"]).mean())
    assert decay(bench.connection, bench.settings) is None


def bench_levels(bench):
    """The decided levels of the first dataset."""
    dataset = load_dataset(bench.store, newest_dataset(bench.connection, 5))
    bench.connection.commit()
    return dataset.decided[["job_role_id", "skill_id", "future_need_level"]].to_numpy()


def test_each_decision_counts_once_however_often_it_is_measured(bench):
    decide(bench, ["HIGH"] * 5, FIRST + timedelta(days=3))
    second = bench.export(FIRST + timedelta(days=7))
    realise(bench, second)
    assert realise(bench, second) == []
    assert realise(bench, bench.export(FIRST + timedelta(days=14)))[0]["decisions"] == 0
    assert fetch_value(bench.connection, "SELECT count(*) FROM future_skills_ops.realised_decision") == 5


def test_a_week_nobody_looked_at_is_caught_up_and_two_datasets_of_a_week_are_one_row(bench):
    decide(bench, ["HIGH"] * 4, FIRST + timedelta(days=3))
    bench.export(FIRST + timedelta(days=7))
    decide(bench, ["LOW"] * 3, FIRST + timedelta(days=8))
    newest = bench.export(FIRST + timedelta(days=9))
    assert [row["decisions"] for row in realise(bench, newest)] == [0, 4, 3]
    (row,) = performance_of(bench.connection, "v1")
    assert (row.decisions, row.dataset_id) == (7, newest.dataset_id)


def test_an_older_dataset_exported_later_is_passed_over(bench):
    decide(bench, ["HIGH"] * 4, FIRST + timedelta(days=3))
    realise(bench, bench.export(FIRST + timedelta(days=14)))
    assert realise(bench, bench.export(FIRST + timedelta(days=7))) == []


def test_a_version_is_not_measured_on_what_it_learned(bench):
    decide(bench, ["HIGH"] * 6 + ["LOW"] * 6, FIRST + timedelta(days=3))
    dataset = bench.export(FIRST + timedelta(days=7))
    version = bench.train(dataset)
    execute(
        bench.connection,
        "INSERT INTO future_skills_ops.deployment (version, kind, digest, request_key) VALUES ('v2', 'deploy', '', 'v2')",
    )
    bench.connection.commit()
    bench.predict()
    realise(bench, dataset)
    assert [row.version for row in performance_of(bench.connection, "v1")] == ["v1"], "v1 predicted before the decisions"
    assert performance_of(bench.connection, version.version) == []
    later = decide(bench, ["HIGH"] * 3, FIRST + timedelta(days=9))
    realise(bench, bench.export(FIRST + timedelta(days=14)))
    assert [row.decisions for row in performance_of(bench.connection, "v2")] == [len(later)]


def test_what_the_application_overwrote_is_counted_and_named(bench):
    pairs = decide(bench, ["HIGH"] * 6, FIRST + timedelta(days=3))
    first = pairs.iloc[0]
    key = (int(first["job_role_id"]), int(first["skill_id"]))
    execute(
        bench.connection,
        f"UPDATE {PREDICTIONS} SET score = 59, level = 'MEDIUM', rationale = 'other' WHERE (job_role_id, skill_id) = (%s, %s)",
        key,
    )
    bench.connection.commit()
    dataset = bench.export(FIRST + timedelta(days=7))
    bench.predict()
    measured = realise(bench, dataset)[-1]
    names = fetch_row(
        bench.connection,
        "SELECT role.name || ': ' || skill.name AS pair FROM future_skills_jobrole role, future_skills_skill skill"
        " WHERE (role.id, skill.id) = (%s, %s)",
        key,
    )
    assert (measured["overwritten"], measured["overwritten_pairs"]) == (1, [names["pair"]])
    assert performance_of(bench.connection, "v1")[0].metrics["overwritten"] == 1
    stage = find_chain(bench.connection, dataset.dataset_id)["stages"]["realised"]
    assert (stage["state"], stage["overwritten"]) == ("measured", 1)


def test_a_lost_dataset_stops_nothing(bench):
    decide(bench, ["HIGH"] * 4, FIRST + timedelta(days=3))
    dataset = bench.export(FIRST + timedelta(days=7))
    bench.store.path(f"datasets/{dataset.dataset_id}/dataset.csv").unlink()
    (line,) = realise(bench, dataset)[1:]
    assert "is gone from the artefact store" in line["reason"]


def test_a_model_that_cannot_be_read_is_named_and_the_others_go_on(bench):
    decide(bench, ["HIGH"] * 4, FIRST + timedelta(days=3))
    second = bench.export(FIRST + timedelta(days=7))
    version = bench.train(second)
    execute(
        bench.connection,
        "INSERT INTO future_skills_ops.deployment (version, kind, digest, request_key) VALUES (%s, 'deploy', '', 'v2')",
        (version.version,),
    )
    bench.connection.commit()
    bench.predict()
    served = get_version(bench.connection, "v1").artifacts["served"]
    bench.connection.commit()
    bench.store.resolve(served.uri).write_bytes(b"another model")
    decide(bench, ["HIGH"] * 3, FIRST + timedelta(days=9))
    third = bench.export(FIRST + timedelta(days=14))
    lines = realise(bench, third)
    assert "future_skills_model_v1" in lines[1]["reason"]
    assert "v1" in lines[1]["reason"]
    assert (lines[2]["version"], lines[2]["decisions"], lines[2]["reason"]) == ("v2", 3, None)
    assert find_chain(bench.connection, second.dataset_id)["stages"]["realised"]["state"] == "not measured"


def test_predictions_of_nobody_are_not_measured(bench):
    execute(bench.connection, "UPDATE future_skills_ops.prediction_batch SET state = 'planned'")
    bench.connection.commit()
    decide(bench, ["HIGH"] * 4, FIRST + timedelta(days=3))
    assert realise(bench, bench.export(FIRST + timedelta(days=7)))[-1]["reason"] == "nothing was predicted before it"


# Decay


def decided_as(bench, wrong):
    """HR decides 140 pairs as predicted, or, in a share `wrong` of them, by the toss of a die."""
    pairs = decide(bench, ["LOW"] * 140, FIRST + timedelta(days=3))
    draw = random.Random(5)
    for row, level in zip(pairs.itertuples(), shown(bench, pairs), strict=True):
        decided = draw.choice(["LOW", "MEDIUM", "HIGH"]) if draw.random() < wrong else level
        execute(
            bench.connection,
            "UPDATE future_skills_hrinvestmentrecommendation SET priority_level = %s WHERE (job_role_id, skill_id) = (%s, %s)",
            (decided, row.job_role_id, row.skill_id),
        )
    bench.connection.commit()
    realise(bench, bench.export(FIRST + timedelta(days=7)))
    return pairs


def test_a_model_that_hr_agrees_with_does_not_decay(bench):
    decided_as(bench, wrong=0.1)
    assert performance_of(bench.connection, "v1")[0].decisions == 140
    assert decay(bench.connection, bench.settings) is None


def test_a_model_that_hr_contradicts_decays(bench):
    decided_as(bench, wrong=1)
    found = decay(bench.connection, bench.settings)
    assert (found.version, found.n, found.week) == ("v1", 140, date(2026, 10, 12))
    assert found.ci[0] <= found.value <= found.ci[1] < found.threshold
    few = bench.settings.model_copy(update={"drift": DriftSettings(decay_minimum_decisions=141)})
    assert decay(bench.connection, few) is None
    assert decay(bench.connection, bench.settings, "v1") == found


def test_a_decay_is_kept_with_the_week_that_showed_it(bench):
    decided_as(bench, wrong=1)
    dataset = newest_dataset(bench.connection, 5)
    bench.connection.commit()
    found = watch_decay(bench.connection, bench.settings, dataset.dataset_id)
    kept = find_chain(bench.connection, dataset.dataset_id)["stages"]["decay"]
    assert (kept["state"], kept["version"], kept["metric"]) == ("decays", "v1", found.metric)
    few = bench.settings.model_copy(update={"drift": DriftSettings(decay_minimum_decisions=141)})
    assert watch_decay(bench.connection, few, dataset.dataset_id) is None
    assert "decay" not in find_chain(bench.connection, dataset.dataset_id)["stages"]


def test_an_old_collapse_is_forgotten_after_its_weeks(bench):
    decided_as(bench, wrong=1)
    execute(bench.connection, "UPDATE future_skills_ops.realised_decision SET week = week - 7 * 8")
    decide(bench, ["LOW"], FIRST + timedelta(days=9))
    realise(bench, bench.export(FIRST + timedelta(days=14)))
    assert decay(bench.connection, bench.settings) is None


def test_a_model_of_the_rules_promised_nothing(bench):
    decided_as(bench, wrong=1)
    execute(
        bench.connection,
        "UPDATE future_skills_ops.evaluation SET metrics = jsonb_set(metrics, '{accuracy_known}', 'false')",
    )
    bench.connection.commit()
    assert decay(bench.connection, bench.settings) is None


@pytest.mark.parametrize("language, word", [("en", "decays"), ("fr", "se dégrade")])
def test_a_decay_is_mailed_once_a_month(settings, language, word):
    addressed = settings.model_copy(
        update={"mail": MailSettings(data_scientists=["ds@example.com"]), "future_skills_language": language}
    )
    found = Decay("v3", "ap_high", 0.21, (0.1, 0.31), 140, 0.4, date(2026, 11, 16))
    (mail,) = decay_alert(addressed, found)
    assert word in mail.subject
    assert ("0.400" if language == "en" else "0,400") in mail.text
    assert decay_alert(addressed, replace(found, week=date(2026, 11, 23)))[0].period == mail.period
    assert decay_alert(addressed, replace(found, week=date(2026, 12, 7)))[0].period != mail.period


def test_measures_of_a_single_role_have_no_interval():
    rows = pd.DataFrame(
        {"job_role_id": [1, 1], "level": ["HIGH", "LOW"], "predicted": ["HIGH", "HIGH"], "probability_high": [0.9, 0.1]}
    ).assign(persisting="LOW", overwritten=[True, False])
    measured = measure_decisions(rows, GateSettings(resamples=100), 42)
    assert measured["accuracy"] == {"value": 0.5, "ci": None}
    assert (measured["ap_high"]["value"], measured["persistence"]["ap_high"], measured["overwritten"]) == (1.0, 0.5, 1)
    none = measure_decisions(rows.assign(level="LOW"), GateSettings(resamples=100), 42)
    assert none["ap_high"]["value"] is None


def test_accuracy_in_each_resample_is_the_share_of_right_levels():
    random_ = np.random.default_rng(0)
    levels, predicted = (random_.choice(["LOW", "HIGH"], 60).astype(object) for _ in range(2))
    role, drawn = np.arange(60) % 7, resample_roles(7, 100, 1)
    accuracy = accuracy_of(levels, predicted, role, drawn)
    weights = drawn[3][role]
    assert accuracy[3] == pytest.approx(((levels == predicted) * weights).sum() / weights.sum())
