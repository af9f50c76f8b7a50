"""Publishing: only what differs, all or nothing, never over what is newer, and never what is not ours to delete."""

import json
import math
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from future_skills.config import PredictionSettings
from future_skills.database import connect, execute, fetch_frame, fetch_rows, fetch_value
from future_skills.dataset.features import FeatureTables
from future_skills.dataset.files import from_csv
from future_skills.dataset.reading import load_dataset
from future_skills.domain import FEATURES, LEVELS, SIGNATURE
from future_skills.ledger.batches import BatchRow, UnknownBatchError, get_batch, list_shards
from future_skills.ledger.datasets import get_dataset
from future_skills.ledger.versions import get_version
from future_skills.model.cuts import Cuts, levels_of
from future_skills.model.scores import probabilities_of, scores_of
from future_skills.prediction.audit import AuditFailedError, audit_batch
from future_skills.prediction.compare import compare
from future_skills.prediction.explanation import Explained, Signature, explain
from future_skills.prediction.plan import HorizonMismatchError, StaleDatasetError, plan_again, plan_batch, plan_shards
from future_skills.prediction.publish import FirstPublicationError, NotAuditedError, OvertakenError, publish_batch
from future_skills.prediction.shard import score_shard
from future_skills.prediction.staging import stage_name, sweep_stages
from future_skills.store.models import load_model
from support.company import load_demo
from support.pipeline import Workbench
from support.prepared import Prepared, copied, prepared, published
from support.prepared import deployed as with_champion
from support.snapshots import MONDAY, exported

PREDICTIONS = "public.future_skills_futureskillprediction"
PAIRS = 30 * 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("prediction")


@pytest.fixture(scope="module")
def _deployed(hr_template, folder) -> Prepared:
    return prepared(hr_template, "hr_template", folder, "deployed", with_champion)


@pytest.fixture(scope="module")
def _published(hr_template, folder) -> Prepared:
    return prepared(hr_template, "hr_template", folder, "published", published)


@pytest.fixture
def fresh(_deployed, tmp_path) -> Iterator[Workbench]:
    """v1 is deployed, nothing is predicted."""
    with copied(_deployed, tmp_path / "fresh") as bench:
        yield bench


@pytest.fixture
def bench(_published, tmp_path) -> Iterator[Workbench]:
    """v1 is deployed, its predictions are published."""
    with copied(_published, tmp_path / "published") as bench:
        yield bench


def under(bench: Workbench, **settings) -> Workbench:
    """The same installation with other settings."""
    return replace(bench, settings=bench.settings.model_copy(update=settings))


def stored(bench: Workbench) -> pd.DataFrame:
    frame = fetch_frame(bench.connection, f"SELECT *, xmin::text AS xmin FROM {PREDICTIONS} ORDER BY id")
    bench.connection.commit()
    return frame


def change(bench: Workbench, statement: str, parameters=None) -> None:
    assert execute(bench.connection, statement, parameters) > 0
    bench.connection.commit()


def decide_again(bench: Workbench) -> None:
    """HR changes its mind about one pair."""
    change(
        bench,
        "UPDATE future_skills_hrinvestmentrecommendation SET priority_level = 'MEDIUM' WHERE id = 1 AND priority_level = 'LOW'",
    )


def written(batch: BatchRow) -> dict[str, int]:
    return {name: batch.counts[name] for name in ("inserted", "updated", "deleted") if batch.counts[name]}


def changes(bench: Workbench) -> list[dict]:
    rows = fetch_rows(bench.connection, "SELECT * FROM future_skills_ops.prediction_change ORDER BY id")
    bench.connection.commit()
    return rows


def add_role(bench: Workbench, name: str = "Archivist") -> int:
    role = fetch_value(
        bench.connection,
        "INSERT INTO future_skills_jobrole (name, department, description) VALUES (%s, 'IT', '') RETURNING id",
        (name,),
    )
    bench.connection.commit()
    return role


def write_foreign(bench: Workbench, role: int, skill: int, horizon: int = 5, **values) -> None:
    """A prediction as the HR application writes it."""
    row = {"score": 59.0, "level": "MEDIUM", "rationale": "ML prediction", "explanation": None, **values}
    execute(
        bench.connection,
        f"INSERT INTO {PREDICTIONS} (job_role_id, skill_id, horizon_years, score, level, rationale, explanation, created_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, '2026-01-01')",
        (role, skill, horizon, row["score"], row["level"], row["rationale"], row["explanation"]),
    )
    bench.connection.commit()


def pairs_of(rows: pd.DataFrame) -> set[tuple[int, int]]:
    return set(zip(rows["job_role_id"], rows["skill_id"], strict=True))


# What is published


@pytest.mark.parametrize("moved", [False, True], ids=["as it was trained", "one decision withdrawn, another made"])
def test_every_pair_gets_the_prediction_of_the_pipeline_that_never_saw_its_label(bench, moved):
    version = get_version(bench.connection, "v1")
    scored = trained_on = load_dataset(bench.store, get_dataset(bench.connection, version.dataset_id))
    if moved:  # the pair of the first decision was learned, the pair it is about now was not
        change(
            bench,
            "UPDATE future_skills_hrinvestmentrecommendation AS own SET skill_id ="
            " (SELECT min(id) FROM future_skills_skill WHERE id NOT IN"
            " (SELECT skill_id FROM future_skills_hrinvestmentrecommendation WHERE job_role_id = own.job_role_id)) WHERE id = 1",
        )
        scored = load_dataset(bench.store, bench.export())
        bench.predict()
    features, rows = FeatureTables(scored.snapshot), stored(bench)
    frame = features.frame(*features.positions(rows["job_role_id"], rows["skill_id"]))
    fold_of_role = load_model(bench.store, version.artifacts["folds"], bench.keys)
    expected = probabilities_of(load_model(bench.store, version.artifacts["served"], bench.keys), frame)
    learned, asked_about = (pairs_of(one.decided) for one in (trained_on, scored))
    assert len(learned - asked_about) == len(asked_about - learned) == moved
    known = np.array([pair in learned for pair in zip(rows["job_role_id"], rows["skill_id"], strict=True)])
    for fold in set(fold_of_role.values()):
        pipeline = load_model(bench.store, version.artifacts[f"fold-{fold}"], bench.keys)
        own = known & (rows["job_role_id"].map(fold_of_role) == fold).to_numpy()
        expected[own] = probabilities_of(pipeline, frame[own])
    assert len(rows) == PAIRS
    assert known.sum() == 600
    np.testing.assert_allclose(rows["score"], scores_of(expected), atol=0.0101)
    np.testing.assert_array_equal(levels_of(rows["score"].to_numpy(), Cuts(**version.cuts)), rows["level"])


def test_a_published_row_says_where_it_comes_from_in_the_applications_shape(bench):
    rows = stored(bench)
    batch = fetch_value(bench.connection, "SELECT batch_id FROM future_skills_ops.prediction_batch")
    assert rows["rationale"].str.endswith(SIGNATURE).all()
    for row in rows.itertuples():
        explanation = row.explanation
        assert (explanation["text"], explanation["score"], explanation["prediction_level"]) == (
            row.rationale,
            row.score,
            row.level,
        )
        assert (explanation["source"], explanation["batch"], explanation["version"]) == ("future_skills", batch, "v1")
        assert 33 <= explanation["confidence"] <= 100
        assert bool(explanation["top_factors"]) == (row.level != "LOW")
        assert explanation["method"] == ("none" if row.level == "LOW" else "coefficients")
        for factor in explanation["top_factors"]:
            assert factor["feature"] in FEATURES
            assert factor["impact"] == ("positive" if factor["contribution"] > 0 else "negative")
            assert factor["feature_readable"] in row.rationale
    assert np.isfinite(rows["score"]).all()
    assert set(rows["level"]) == set(LEVELS)


@pytest.mark.parametrize("method", ["none", "path"])
def test_a_row_without_factors_names_no_method(method):
    """Without an exact form there is nothing to show, and a row that no feature moved has nothing to name."""
    known = np.zeros((1, len(FEATURES)))
    one = np.array([0.1, 0.1, 0.8])[None, :]
    pairs = Explained(one, np.array([85.0]), np.array(["HIGH"]), np.array([None]), np.array([False]), known, np.array([method]))
    (text,), (explanation,) = explain(pairs, Signature("b1", "v1", "en", bootstrap=False))
    assert text == "High need (score 85 of 100)." + SIGNATURE
    assert json.loads(explanation)["method"] == "none"
    assert json.loads(explanation)["top_factors"] == []


def test_hrs_own_decision_is_named(bench):
    decided = fetch_frame(
        bench.connection,
        "SELECT job_role_id, skill_id, priority_level FROM public.future_skills_hrinvestmentrecommendation",
    )
    both = stored(bench).merge(decided, on=["job_role_id", "skill_id"], how="left")
    for row in both.itertuples():
        decision = None if pd.isna(row.priority_level) else row.priority_level
        assert row.explanation["decision"] == decision
        assert ("HR's own decision: " in row.rationale) == (decision is not None)
        assert decision is None or f"HR's own decision: {decision.lower()}." in row.rationale


def test_french_is_french(bench):
    french = under(bench, future_skills_language="fr")
    batch = french.predict()
    assert written(batch) == {"updated": PAIRS}
    rows = stored(bench)
    assert rows["rationale"].str.match(r"Besoin (faible|moyen|élevé) \(score \d+ sur 100\)").all()
    assert rows["rationale"].str.endswith(SIGNATURE).all()
    assert not rows["rationale"].str.contains(r"HIGH|MEDIUM|LOW|need|raised|decision:").any()
    assert rows["rationale"].str.contains("Décision des RH : (?:faible|moyen|élevé)").sum() == 600
    top = next(factor for explanation in rows["explanation"] for factor in explanation["top_factors"])
    assert top["strength"] in {"très forte", "forte", "modérée", "limitée"}


def test_a_pair_unlike_the_training_data_says_so(bench):
    change(
        bench,
        "INSERT INTO future_skills_skill (name, category, description)"
        " SELECT 'Beekeeping', category, '' FROM future_skills_skill WHERE id = 1",
    )
    bench.export()
    assert written(bench.predict()) == {"inserted": 30}
    rows = stored(bench).tail(30)
    assert rows["rationale"].str.contains("Low confidence").all()
    assert all(explanation["low_confidence"] for explanation in rows["explanation"])


def test_the_run_is_recorded_for_the_application_and_in_the_ledger(bench):
    run = fetch_rows(bench.connection, "SELECT * FROM public.future_skills_predictionrun")[0]
    batch = fetch_rows(bench.connection, "SELECT * FROM future_skills_ops.prediction_batch")[0]
    assert (run["total_predictions"], run["parameters"]["batch"], run["parameters"]["model_version"]) == (
        PAIRS,
        batch["batch_id"],
        "v1",
    )
    assert batch["prediction_run_id"] == run["id"]
    assert batch["state"] == "published"
    assert sum(batch["levels"]["decided"].values()) == 600
    assert sum(batch["levels"]["undecided"].values()) == PAIRS - 600
    assert changes(bench) == []
    assert not fetch_value(bench.connection, "SELECT to_regclass(%s)", (f"future_skills_ops.{stage_name(batch['batch_id'])}",))


def test_the_monitoring_log_has_the_applications_format(bench):
    batch = fetch_value(bench.connection, "SELECT batch_id FROM future_skills_ops.prediction_batch")
    lines = bench.store.path(f"batches/{batch}/predictions_monitoring.jsonl").read_text().splitlines()
    assert len(lines) == PAIRS
    line = json.loads(lines[0])
    assert list(line) == "timestamp job_role_id skill_id predicted_level score engine model_version features".split()
    assert list(line["features"]) == ["trend_score", "internal_usage", "training_requests", "scarcity_index"]
    assert "+" not in line["timestamp"]


def test_samples_are_the_same_pairs_every_time_and_no_more_than_asked_for(fresh):
    few = under(fresh, prediction=PredictionSettings(shards=3, smallest_shard=1, sample_rows=100, monitoring_rows=20))
    batch = few.predict()
    again = few.predict(repeat=True)

    def sample(uri: str) -> pd.DataFrame:
        return pd.concat([from_csv(few.store.read(f"{uri}/sample-{number}.csv")) for number in range(3)])

    assert 97 <= len(sample(batch.sample_uri)) <= 103
    pd.testing.assert_frame_equal(sample(batch.sample_uri), sample(again.sample_uri))
    lines = few.store.path(f"batches/{batch.batch_id}/predictions_monitoring.jsonl").read_text().splitlines()
    assert len(lines) == 20


# Only what differs


def test_an_equal_dataset_writes_nothing(bench):
    before = stored(bench)
    bench.export()
    batch = bench.predict()
    assert batch.counts["unchanged"] == PAIRS
    assert written(batch) == {}
    pd.testing.assert_frame_equal(stored(bench), before)


def test_one_overwritten_score_is_restored(bench):
    before = stored(bench)
    change(bench, f"UPDATE {PREDICTIONS} SET score = 59, level = 'MEDIUM', rationale = 'ML prediction' WHERE id = 7")
    bench.export()
    batch = bench.predict()
    assert (written(batch), batch.counts["restored"]) == ({"updated": 1}, 1)
    after = stored(bench)
    pd.testing.assert_frame_equal(after[after["id"] != 7], before[before["id"] != 7])
    columns = ["score", "level", "rationale", "created_at"]
    pd.testing.assert_frame_equal(after.loc[after["id"] == 7, columns], before.loc[before["id"] == 7, columns])
    kept = changes(bench)
    assert [(row["kind"], row["old_score"], row["old_level"], row["old_values"]["rationale"]) for row in kept] == [
        ("restored", 59, "MEDIUM", "ML prediction")
    ]


def test_whatever_was_changed_about_a_row_is_put_right(bench):
    changed = ("score = 'NaN'", "level = 'CRITICAL'", "rationale = NULL", "explanation = explanation || '{\"score\": 1}'")
    for row, assignment in enumerate(changed, start=1):
        change(bench, f"UPDATE {PREDICTIONS} SET {assignment} WHERE id = {row}")
    bench.export()
    assert written(bench.predict()) == {"updated": 4}
    assert np.isfinite(stored(bench)["score"]).all()
    bench.export()
    assert written(bench.predict()) == {}


def test_one_deleted_row_is_inserted_again(bench):
    change(bench, f"DELETE FROM {PREDICTIONS} WHERE id = 7")
    bench.export()
    assert written(bench.predict()) == {"inserted": 1}
    assert len(stored(bench)) == PAIRS


def test_a_new_role_gets_as_many_rows_as_there_are_skills(bench):
    add_role(bench)
    bench.export()
    assert written(bench.predict()) == {"inserted": 60}


def test_a_changed_decision_updates_its_row_though_the_score_stays(bench):
    decide_again(bench)
    bench.export()
    assert written(bench.predict()) == {"updated": 1}


def test_rows_of_another_horizon_are_never_touched(bench):
    decision = "SELECT job_role_id, skill_id FROM future_skills_hrinvestmentrecommendation WHERE id = 1"
    pair = fetch_rows(bench.connection, decision)[0]
    write_foreign(bench, *pair.values(), horizon=3)
    write_foreign(bench, 1, 60, horizon=3, explanation=json.dumps({"source": "future_skills", "batch": "x"}))
    before = stored(bench).query("horizon_years == 3").reset_index(drop=True)
    change(bench, f"DELETE FROM {PREDICTIONS} WHERE (job_role_id, skill_id, horizon_years) = (1, 60, 5)")
    decide_again(bench)
    bench.export()
    assert written(bench.predict()) == {"inserted": 1, "updated": 1}
    pd.testing.assert_frame_equal(stored(bench).query("horizon_years == 3").reset_index(drop=True), before)
    assert changes(bench) == []


def test_foreign_rows_are_taken_over_and_their_values_kept(fresh):
    write_foreign(fresh, 1, 1, explanation=json.dumps({"text": "old"}))
    write_foreign(fresh, 1, 2, score=math.nan)
    write_foreign(fresh, 1, 3, explanation="[]")
    batch = fresh.predict()
    assert (written(batch), batch.counts["taken_over"]) == ({"inserted": PAIRS - 3, "updated": 3}, 3)
    assert [(row["kind"], row["old_score"], row["old_values"]) for row in changes(fresh)] == [
        ("taken_over", 59.0, {"rationale": "ML prediction", "explanation": {"text": "old"}}),
        ("taken_over", None, {"rationale": "ML prediction", "explanation": None}),
        ("taken_over", 59.0, {"rationale": "ML prediction", "explanation": []}),
    ]
    assert (stored(fresh).query("job_role_id == 1 and skill_id <= 3")["created_at"] < pd.Timestamp("2026-01-02", tz="UTC")).all()
    assert stored(fresh)["rationale"].str.endswith(SIGNATURE).all()


def deploy_another(bench: Workbench) -> None:
    """v2, of a newer dataset, is deployed."""
    evaluation = bench.evaluate(bench.train(bench.export(), parameters={"C": 0.01}))
    change(
        bench, "UPDATE future_skills_ops.evaluation SET verdict = 'promote' WHERE evaluation_id = %s", (evaluation.evaluation_id,)
    )
    bench.approve(bench.ask(evaluation))
    bench.deploy("v2")


def test_a_new_champion_rewrites_what_moved_and_keeps_the_large_moves(bench):
    deploy_another(bench)
    before = stored(bench)
    wide = under(bench, prediction=PredictionSettings(shards=1, largest_level_shift=1))
    batch = wide.predict()
    after = stored(bench)
    moved = (before["level"] != after["level"]) | ((before["score"] - after["score"]).abs() >= 5)
    kept = changes(bench)
    assert 0 < len(kept) == moved.sum()
    assert {row["kind"] for row in kept} == {"moved"}
    assert {row["old_values"] for row in kept} == {None}
    assert batch.counts["updated"] == (before["xmin"] != after["xmin"]).sum()
    assert (before["created_at"] == after["created_at"]).all()


def test_a_rollback_brings_back_the_predictions_of_the_version_before(bench):
    before = stored(bench)
    test_a_new_champion_rewrites_what_moved_and_keeps_the_large_moves(bench)
    bench.deploy("v1", kind="rollback")
    wide = under(bench, prediction=PredictionSettings(shards=1, largest_level_shift=1))
    batch = wide.predict()
    assert (batch.version, batch.repeat) == ("v1", 0)  # of the newest dataset, which v1 had not scored yet
    bench.deploy("v2", kind="rollback")
    again = wide.predict()
    assert (again.version, again.repeat, again.state) == ("v2", 1, "published")
    bench.deploy("v1", kind="rollback")
    once_more = wide.predict()
    assert (once_more.version, once_more.repeat) == ("v1", 1)
    assert wide.predict() == once_more
    columns = ["score", "level", "rationale"]
    pd.testing.assert_frame_equal(stored(bench)[columns], before[columns])


# Deleting


def out_of_scope(bench: Workbench, wanted: int, explanation: str | None) -> None:
    """Rows for pairs without evidence, as if they had been predicted once."""
    change(
        bench,
        f"INSERT INTO {PREDICTIONS} (job_role_id, skill_id, horizon_years, score, level, rationale, explanation, created_at)"
        " SELECT role.id, skill.id, 5, 1, 'LOW', 'once', %s, now() FROM future_skills_jobrole role, future_skills_skill skill"
        f" WHERE NOT EXISTS (SELECT FROM {PREDICTIONS} known WHERE (known.job_role_id, known.skill_id) = (role.id, skill.id))"
        " LIMIT %s",
        (explanation, wanted),
    )


@pytest.fixture
def evidence(fresh) -> Workbench:
    """An installation that predicts pairs with evidence only, published once; some pairs have none."""
    bench = under(fresh, pair_scope="evidence")
    execute(bench.connection, "DELETE FROM future_skills_hrinvestmentrecommendation WHERE skill_id > 52")
    execute(bench.connection, "DELETE FROM future_skills_employee_skills WHERE skill_id > 52")
    execute(bench.connection, "UPDATE future_skills_employee SET current_skills = '[]'")
    bench.connection.commit()
    bench.export()
    bench.predict()
    assert len(stored(bench)) <= 30 * 52
    return bench


OURS = json.dumps({"source": "future_skills", "batch": "once", "text": "once", "score": 1.0})


def test_rows_of_ours_whose_pair_left_the_scope_are_deleted_and_those_of_others_left_alone(evidence):
    published_before = stored(evidence)
    out_of_scope(evidence, 15, OURS)
    out_of_scope(evidence, 5, None)
    out_of_scope(evidence, 5, json.dumps({"source": "future_skills"}))
    evidence.export()
    assert written(evidence.predict()) == {"deleted": 15}
    after = stored(evidence)
    assert len(after) == len(published_before) + 10
    pd.testing.assert_frame_equal(after.head(len(published_before)), published_before)


def test_a_row_that_was_ours_when_it_was_scored_is_not_deleted_when_it_no_longer_is(evidence):
    out_of_scope(evidence, 3, OURS)
    ours = stored(evidence).tail(3)
    write_foreign(evidence, int(ours["job_role_id"].iloc[0]), int(ours["skill_id"].iloc[0]), horizon=3, explanation=OURS)
    evidence.export()
    batch = evidence.audited()
    assert written(batch) == {"deleted": 3}
    one, other = ours["id"].tolist()[1:]
    change(evidence, f"UPDATE {PREDICTIONS} SET explanation = NULL WHERE id = %s", (one,))
    change(evidence, f"UPDATE {PREDICTIONS} SET explanation = explanation - 'batch' WHERE id = %s", (other,))
    assert written(publish_batch(evidence.connection, evidence.settings, batch.batch_id)) == {"deleted": 1}
    assert stored(evidence)["id"].tolist()[-3:-1] == [one, other]  # and the row of another horizon


def test_deleting_more_than_a_twentieth_at_once_fails_the_audit(evidence):
    rows = len(stored(evidence))
    allowed = math.floor(rows * 0.05 / 0.95)
    out_of_scope(evidence, allowed, OURS)
    evidence.export()
    assert written(evidence.predict()) == {"deleted": allowed}
    out_of_scope(evidence, allowed + 1, OURS)
    evidence.export()
    with pytest.raises(AuditFailedError, match=f"{allowed + 1} of {rows + allowed + 1} rows would be deleted"):
        evidence.audited()
    assert len(stored(evidence)) == rows + allowed + 1


def test_narrowing_the_scope_is_no_accident_that_passes_unseen(bench):
    execute(bench.connection, "DELETE FROM future_skills_hrinvestmentrecommendation WHERE skill_id > 52")
    execute(bench.connection, "DELETE FROM future_skills_employee_skills WHERE skill_id > 52")
    change(bench, "UPDATE future_skills_employee SET current_skills = '[]'")
    narrow = under(bench, pair_scope="evidence")
    narrow.export()
    with pytest.raises(AuditFailedError, match="would be deleted"):
        narrow.predict()
    assert len(stored(bench)) == PAIRS


# What happens between scoring and publishing


def test_pairs_of_a_role_deleted_meanwhile_are_dropped_and_counted(bench):
    role = add_role(bench)
    bench.export()
    batch = bench.audited()
    change(bench, "DELETE FROM future_skills_jobrole WHERE id = %s", (role,))
    batch = publish_batch(bench.connection, bench.settings, batch.batch_id)
    assert (batch.counts["inserted"], batch.counts["dropped"]) == (0, 60)
    assert (
        fetch_value(bench.connection, "SELECT total_predictions FROM public.future_skills_predictionrun ORDER BY id DESC LIMIT 1")
        == PAIRS
    )


def test_a_row_that_appeared_meanwhile_is_taken_over_and_its_values_kept(fresh):
    batch = fresh.audited()
    write_foreign(fresh, 1, 1)
    batch = publish_batch(fresh.connection, fresh.settings, batch.batch_id)
    assert (batch.state, batch.counts["taken_over"]) == ("published", 1)
    kept = changes(fresh)
    assert [(row["kind"], row["old_values"]["rationale"]) for row in kept] == [("taken_over", "ML prediction")]
    assert stored(fresh)["rationale"].str.endswith(SIGNATURE).all()


def test_a_row_overwritten_meanwhile_is_restored_and_what_was_there_kept(bench):
    decide_again(bench)
    bench.export()
    batch = bench.audited()
    assert written(batch) == {"updated": 1}
    change(
        bench,
        f"UPDATE {PREDICTIONS} SET rationale = 'ML prediction' WHERE (job_role_id, skill_id) ="
        " (SELECT job_role_id, skill_id FROM future_skills_hrinvestmentrecommendation WHERE id = 1)",
    )
    batch = publish_batch(bench.connection, bench.settings, batch.batch_id)
    assert batch.counts["restored"] == 1
    assert [(row["kind"], row["old_values"]["rationale"]) for row in changes(bench)] == [("restored", "ML prediction")]


def test_a_row_deleted_meanwhile_is_put_back(bench):
    change(bench, f"UPDATE {PREDICTIONS} SET score = 1 WHERE id = 7")
    bench.export()
    batch = bench.audited()
    change(bench, f"DELETE FROM {PREDICTIONS} WHERE id = 7")
    batch = publish_batch(bench.connection, bench.settings, batch.batch_id)
    assert written(batch) == {"inserted": 1}
    assert len(stored(bench)) == PAIRS


def test_readers_see_the_old_state_until_everything_is_there(fresh):
    batch = fresh.audited()
    reader, blocker = connect(fresh.connection.dsn), connect(fresh.connection.dsn)
    reader.autocommit = True
    execute(blocker, "LOCK TABLE public.future_skills_predictionrun IN SHARE MODE")
    publishing = threading.Thread(target=publish_batch, args=(fresh.connection, fresh.settings, batch.batch_id))
    publishing.start()
    waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'public.future_skills_predictionrun'::regclass AND NOT granted"
    deadline = time.monotonic() + 20
    while not fetch_value(reader, waiting) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert fetch_value(reader, waiting)
    assert fetch_value(reader, f"SELECT count(*) FROM {PREDICTIONS}") == 0
    assert get_batch(reader, batch.batch_id).state == "audited"
    blocker.rollback()
    publishing.join()
    assert fetch_value(reader, f"SELECT count(*) FROM {PREDICTIONS}") == PAIRS
    assert get_batch(reader, batch.batch_id).state == "published"
    reader.close()
    blocker.close()


def test_a_failure_while_publishing_leaves_everything_as_it_was(fresh):
    batch = fresh.audited()
    execute(fresh.connection, "ALTER TABLE public.future_skills_predictionrun ADD CHECK (total_predictions < 0)")
    fresh.connection.commit()
    with pytest.raises(Exception, match="violates check constraint"):
        publish_batch(fresh.connection, fresh.settings, batch.batch_id)
    assert stored(fresh).empty
    execute(
        fresh.connection,
        "ALTER TABLE public.future_skills_predictionrun DROP CONSTRAINT future_skills_predictionrun_total_predictions_check",
    )
    fresh.connection.commit()
    assert publish_batch(fresh.connection, fresh.settings, batch.batch_id).state == "published"


# Staging that was lost


def empty_stage(bench: Workbench, batch: BatchRow) -> None:
    """What a crash of the server does to an unlogged table."""
    execute(bench.connection, f"TRUNCATE future_skills_ops.{stage_name(batch.batch_id)}")
    bench.connection.commit()


def drop_table(bench: Workbench, batch: BatchRow) -> None:
    """What sweeping does to an old one."""
    execute(bench.connection, f"DROP TABLE future_skills_ops.{stage_name(batch.batch_id)}")
    bench.connection.commit()


def lose_a_row(bench: Workbench, batch: BatchRow) -> None:
    execute(
        bench.connection, f"DELETE FROM future_skills_ops.{stage_name(batch.batch_id)} WHERE job_role_id = 1 AND skill_id = 1"
    )
    bench.connection.commit()


@pytest.mark.parametrize("lose", [empty_stage, drop_table, lose_a_row])
@pytest.mark.parametrize("when", ["scored", "audited"])
def test_lost_staging_is_noticed_and_planning_again_mends_it(fresh, lose, when):
    fresh = under(fresh, prediction=PredictionSettings(shards=2, smallest_shard=1))
    batch = plan_batch(fresh.connection, fresh.store, fresh.settings)
    fresh.score(batch)
    if when == "audited":
        audit_batch(fresh.connection, fresh.store, fresh.settings, batch.batch_id)
    lose(fresh, batch)
    if when == "scored":
        with pytest.raises(AuditFailedError, match="run future_skills_prediction again"):
            audit_batch(fresh.connection, fresh.store, fresh.settings, batch.batch_id)
    else:
        with pytest.raises(NotAuditedError, match="run future_skills_prediction again"):
            publish_batch(fresh.connection, fresh.settings, batch.batch_id)
    assert stored(fresh).empty
    again = plan_batch(fresh.connection, fresh.store, fresh.settings)
    assert (again.batch_id, again.state) == (batch.batch_id, "planned")
    lost = [shard.number for shard in list_shards(fresh.connection, batch.batch_id) if shard.scored_at is None]
    fresh.connection.commit()
    assert lost == ([0] if lose is lose_a_row else [0, 1])
    assert fresh.predict().counts["inserted"] == PAIRS
    assert len(stored(fresh)) == PAIRS


def test_planning_again_while_nothing_is_lost_scores_nothing_again(fresh):
    batch = fresh.audited()
    scored = list_shards(fresh.connection, batch.batch_id)
    again = plan_batch(fresh.connection, fresh.store, fresh.settings)
    assert (again.batch_id, again.state, again.counts) == (batch.batch_id, "audited", batch.counts)
    assert list_shards(fresh.connection, batch.batch_id) == scored


def test_a_batch_without_differences_outlives_its_staging(bench):
    bench.export()
    batch = bench.audited()
    drop_table(bench, batch)
    assert publish_batch(bench.connection, bench.settings, batch.batch_id).state == "published"


def test_sweeping_drops_staging_that_nobody_waits_for(fresh):
    batch = fresh.audited()
    assert sweep_stages(fresh.connection) == []
    change(fresh, "UPDATE future_skills_ops.prediction_batch SET planned_at = now() - interval '25 hours'")
    assert sweep_stages(fresh.connection) == [stage_name(batch.batch_id)]
    planned = plan_batch(fresh.connection, fresh.store, fresh.settings)
    assert planned.state == "planned"
    assert sweep_stages(fresh.connection) == []
    assert fetch_value(fresh.connection, "SELECT to_regclass(%s)", (f"future_skills_ops.{stage_name(batch.batch_id)}",))
    assert fresh.predict().state == "published"


def test_a_shard_scored_before_is_not_scored_again(fresh):
    fresh = under(fresh, prediction=PredictionSettings(shards=2, smallest_shard=1))
    batch = plan_batch(fresh.connection, fresh.store, fresh.settings)
    arguments = (fresh.connection, fresh.store, fresh.keys, fresh.settings, batch.batch_id, 0)
    counts = score_shard(*arguments)
    before = list_shards(fresh.connection, batch.batch_id)[0]
    assert score_shard(*arguments) == counts
    assert list_shards(fresh.connection, batch.batch_id)[0] == before
    with pytest.raises(AuditFailedError, match="shards 1 were not scored"):
        audit_batch(fresh.connection, fresh.store, fresh.settings, batch.batch_id)
    with pytest.raises(NotAuditedError, match="planned"):
        publish_batch(fresh.connection, fresh.settings, batch.batch_id)


# Planning


def test_without_a_champion_nothing_is_planned_and_the_chain_says_so(hr, store, settings):
    assert plan_batch(hr, store, settings) is None
    load_demo(hr, roles=5, skills=10, decisions=30, employees=10)
    dataset = exported(hr, store, settings)
    assert plan_batch(hr, store, settings) is None
    stages = fetch_value(hr, "SELECT stages FROM future_skills_ops.chain WHERE chain_id = %s", (dataset.dataset_id,))
    assert stages["prediction"]["reason"] == "no champion yet"


def test_the_same_dataset_and_version_again_is_the_same_batch(bench):
    batch = bench.predict()
    assert bench.predict() == batch
    assert fetch_value(bench.connection, "SELECT count(*) FROM public.future_skills_predictionrun") == 1


def test_a_batch_can_be_asked_for_once_more(bench):
    first = bench.predict()
    for number in (1, 2):
        batch = bench.predict(repeat=True)
        assert (batch.batch_id, batch.repeat, written(batch)) == (f"{first.batch_id}-r{number}", number, {})
    planned = plan_batch(bench.connection, bench.store, bench.settings, repeat=True)
    assert plan_batch(bench.connection, bench.store, bench.settings, repeat=True).batch_id == planned.batch_id
    assert planned.repeat == 3


def test_a_batch_is_published_again_by_its_own_model_on_its_own_dataset(bench):
    first = bench.predict()
    bench.export()
    bench.predict()
    again = plan_again(bench.connection, bench.store, bench.settings, first.batch_id)
    assert (again.batch_id, again.state) == (f"{first.batch_id}-r1", "planned")
    assert (again.dataset_id, again.version) == (first.dataset_id, first.version)
    with pytest.raises(UnknownBatchError, match="no prediction batch 'nothing'"):
        plan_again(bench.connection, bench.store, bench.settings, "nothing")


def test_an_older_dataset_is_never_published_over_a_newer_one(bench):
    older = bench.export(MONDAY - timedelta(days=7))
    with pytest.raises(StaleDatasetError, match="never published over a newer one"):
        plan_batch(bench.connection, bench.store, bench.settings, dataset_id=older.dataset_id)
    assert bench.predict(dataset_id=older.dataset_id, repeat=True).state == "published"  # asked for by name
    assert plan_batch(bench.connection, bench.store, bench.settings).state == "planned"  # back to the newest


@pytest.mark.parametrize("repeat", [False, True])
def test_a_batch_overtaken_while_it_was_scored_stays_unpublished(bench, repeat):
    first = bench.export()
    slow = bench.audited(dataset_id=first.dataset_id)
    if repeat:
        publish_batch(bench.connection, bench.settings, slow.batch_id)
        slow = bench.audited(dataset_id=first.dataset_id, repeat=True)
    bench.export()
    bench.predict()
    with pytest.raises(OvertakenError, match="which is published"):
        publish_batch(bench.connection, bench.settings, slow.batch_id)
    assert bench.predict(dataset_id=first.dataset_id, repeat=True).state == "published"  # a person asks for it now


def test_what_a_person_asked_for_again_goes_over_what_was_published_until_then(bench):
    older = bench.predict()
    asked = {"dataset_id": older.dataset_id, "repeat": True}
    planned = plan_batch(bench.connection, bench.store, bench.settings, **asked)
    bench.export()
    bench.predict()
    assert bench.predict(**asked).batch_id == planned.batch_id


def test_a_batch_of_a_model_that_was_replaced_since_stays_unpublished(bench):
    before = stored(bench)
    deploy_another(bench)
    wide = under(bench, prediction=PredictionSettings(shards=1, largest_level_shift=1))
    stopped = wide.audited()
    assert (stopped.version, stopped.state) == ("v2", "audited")
    bench.deploy("v1", kind="rollback")
    with pytest.raises(OvertakenError, match="is of v2, but v1 was deployed since it was planned"):
        publish_batch(wide.connection, wide.settings, stopped.batch_id)
    pd.testing.assert_frame_equal(stored(bench), before)
    again = plan_again(wide.connection, wide.store, wide.settings, stopped.batch_id)
    assert wide.predict(dataset_id=again.dataset_id, version="v2", repeat=True).batch_id == again.batch_id  # a person asks


def test_what_was_compared_with_predictions_replaced_since_is_compared_again(bench):
    before = stored(bench)
    bench.export()
    slow = bench.audited()
    assert written(slow) == {}
    wide = under(bench, prediction=PredictionSettings(shards=1, largest_level_shift=1))
    second = bench.train(get_dataset(bench.connection, slow.dataset_id), parameters={"C": 0.01})
    assert wide.predict(version=second.version).counts["updated"] > 0
    with pytest.raises(NotAuditedError, match="outdated: run future_skills_prediction again"):
        publish_batch(wide.connection, wide.settings, slow.batch_id)
    assert wide.predict(version="v1").batch_id == slow.batch_id
    columns = ["score", "level", "rationale"]
    pd.testing.assert_frame_equal(stored(bench)[columns], before[columns])


def test_another_horizon_is_refused(bench):
    newest = bench.export()
    other = under(bench, horizon_years=3)
    assert plan_batch(other.connection, other.store, other.settings) is None
    with pytest.raises(HorizonMismatchError, match="predicts 3 years"):
        plan_batch(other.connection, other.store, other.settings, dataset_id=newest.dataset_id)


def test_publish_off_withholds_and_on_publishes_later_whatever_the_shards(fresh):
    off = under(fresh, publish="off")
    withheld = off.predict()
    assert withheld.state == "withheld"
    assert stored(fresh).empty
    assert off.predict() == withheld
    batch = under(fresh, prediction=PredictionSettings(shards=5, smallest_shard=1, sample_rows=10, monitoring_rows=5)).predict()
    assert (batch.batch_id, batch.state, batch.counts["inserted"]) == (withheld.batch_id, "published", PAIRS)


def test_a_withheld_batch_without_differences_is_published_later_too(bench):
    bench.export()
    assert under(bench, publish="off").predict().state == "withheld"
    assert bench.predict().state == "published"


def test_the_first_publication_into_an_existing_database_waits_for_a_yes(fresh):
    theirs = under(fresh, hr_dsn="postgresql://hr")
    write_foreign(fresh, 1, 1)
    batch = theirs.audited()
    with pytest.raises(
        FirstPublicationError, match=rf"{PAIRS - 1} predictions would be new, 1 changed \(of these 1 rows of others"
    ):
        publish_batch(theirs.connection, theirs.settings, batch.batch_id)
    assert len(stored(fresh)) == 1
    assert under(theirs, first_publish="yes").predict().state == "published"
    add_role(fresh)
    fresh.export()
    assert theirs.predict().state == "published"


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 40), st.integers(0, 5), st.integers(1, 32), st.sampled_from(["all", "evidence"]))
def test_shards_are_all_roles_once_and_about_equal(roles, skills, shards, scope):
    snapshot = SimpleNamespace(
        roles=pd.DataFrame({"job_role_id": np.arange(roles) * 7 + 3, "job_department": [f"d{n % 3}" for n in range(roles)]}),
        skills=pd.DataFrame({"skill_id": np.arange(skills)}),
        usage=pd.DataFrame({"job_role_id": [3] * skills, "skill_id": np.arange(skills)}),
        decisions=pd.DataFrame({"job_role_id": [], "skill_id": []}, dtype="int64"),
    )
    parts = plan_shards(snapshot, scope, PredictionSettings(shards=shards, smallest_shard=1))
    assert [role for ids, _ in parts for role in ids] == snapshot.roles["job_role_id"].tolist()
    assert 1 <= len(parts) <= shards
    if scope == "all":
        sizes = [len(ids) for ids, _ in parts]
        assert max(sizes) - min(sizes) <= 1 or skills == 0
        assert sum(pairs for _, pairs in parts) == roles * skills


# Comparing and auditing


def test_a_small_batch_is_one_part(bench):
    snapshot = load_dataset(bench.store, bench.export()).snapshot
    pairs = len(snapshot.roles) * len(snapshot.skills)
    assert [size for _, size in plan_shards(snapshot, "all", PredictionSettings(shards=8, smallest_shard=pairs + 1))] == [pairs]
    assert len(plan_shards(snapshot, "all", PredictionSettings(shards=8, smallest_shard=pairs // 2))) == 2


def scored_and_stored() -> tuple[pd.DataFrame, pd.DataFrame]:
    scored = pd.DataFrame(
        {"job_role_id": 1, "skill_id": [1, 2], "score": [10.0, 20.0], "level": "LOW", "decision": [None, "HIGH"]}
    )
    return scored, scored.assign(ours=True, language="en", intact=True)


@pytest.mark.parametrize(
    "column, value, operation, kind",
    [
        ("score", 10.01, "update", None),
        ("level", "MEDIUM", "update", None),
        ("language", "fr", "update", None),
        ("decision", "LOW", "update", None),
        ("intact", False, "update", "restored"),
        ("intact", None, "update", "restored"),
        ("ours", False, "update", "taken_over"),
    ],
)
def test_what_makes_a_row_differ(column, value, operation, kind):
    scored, before = scored_and_stored()
    before[column] = [value, before[column][1]]
    found = compare(scored, before, "en")
    assert found.operation.tolist() == [operation, "unchanged"]
    assert found.kind.tolist() == [kind, None]


@pytest.mark.filterwarnings("error")
def test_missing_and_left_over_rows_are_told_apart():
    scored, before = scored_and_stored()
    assert compare(scored, before.iloc[:0], "en").counts()["inserted"] == 2
    assert compare(scored, before.iloc[1:], "en").operation.tolist() == ["insert", "unchanged"]
    gone = compare(scored.iloc[:0], before.assign(ours=[True, False]), "en").gone
    assert gone.to_dict("records") == [{"job_role_id": 1, "skill_id": 1}]


def test_a_value_the_application_cannot_show_fails_the_audit(fresh):
    batch = plan_batch(fresh.connection, fresh.store, fresh.settings)
    fresh.score(batch)
    values = "score = 100.5|score = 'NaN'|score = NULL|level = 'CRITICAL'|rationale = ''|explanation = NULL".split("|")
    for skill, value in enumerate(values, start=1):
        change(
            fresh,
            f"UPDATE future_skills_ops.{stage_name(batch.batch_id)} SET {value} WHERE job_role_id = 1 AND skill_id = {skill}",
        )
    with pytest.raises(AuditFailedError, match="6 rows have a score outside 0-100"):
        audit_batch(fresh.connection, fresh.store, fresh.settings, batch.batch_id)


@pytest.mark.parametrize("limit, passes", [(0.3, True), (0.25, False)])
def test_level_shares_may_move_by_so_much_between_two_batches(bench, limit, passes):
    levels = fetch_value(bench.connection, "SELECT levels FROM future_skills_ops.prediction_batch")
    shifted = round(0.27 * sum(levels["undecided"].values()))
    levels["undecided"]["LOW"] -= shifted
    levels["undecided"]["HIGH"] += shifted
    change(bench, "UPDATE future_skills_ops.prediction_batch SET levels = %s", (json.dumps(levels),))
    bench.export()
    other = under(bench, prediction=PredictionSettings(shards=1, largest_level_shift=limit))
    if passes:
        other.audited()
    else:
        with pytest.raises(AuditFailedError, match=r"share of LOW among undecided pairs moved by \+27%") as failed:
            other.audited()
        assert failed.value.batch.state == "planned"
        shifts = {shift.level: round(shift.now - shift.before, 2) for shift in failed.value.unusual}
        assert shifts == {"LOW": 0.27, "HIGH": -0.27}
