"""The whole chain on real data through plain functions: what an HR manager finds in the database afterwards."""

import pytest

from future_skills.database import execute, fetch_row, fetch_rows, fetch_value
from future_skills.hr.interchange import read_company
from future_skills.hr.loader import load_company
from future_skills.ledger.versions import champion
from future_skills.registry.page import render_registry
from support.chain import Installation, predict, run_chain
from support.company import load_demo

PREDICTIONS = "future_skills_futureskillprediction"


@pytest.fixture
def installation(hr, store, keys, settings) -> Installation:
    return Installation(hr, store, keys, settings)


def rows_written(connection) -> int:
    """Predictions that some transaction after the last call of `freeze` has touched."""
    return fetch_value(connection, f"SELECT count(*) FROM {PREDICTIONS} WHERE xmin::text::bigint > %s", (freeze.mark,))


def freeze(connection) -> None:
    connection.rollback()
    freeze.mark = fetch_value(connection, "SELECT max(xmin::text::bigint) FROM future_skills_futureskillprediction")
    connection.rollback()


def test_the_demo_company_gets_a_prediction_for_every_pair(installation):
    connection = installation.connection
    load_demo(connection)
    chain = run_chain(installation)
    assert chain.evaluation.verdict == "promote", chain.evaluation.checks
    roles = fetch_value(connection, "SELECT count(*) FROM future_skills_jobrole")
    skills = fetch_value(connection, "SELECT count(*) FROM future_skills_skill")
    assert fetch_value(connection, f"SELECT count(*) FROM {PREDICTIONS} WHERE horizon_years = 5") == roles * skills
    wrong = fetch_rows(
        connection,
        f"SELECT * FROM {PREDICTIONS} WHERE score NOT BETWEEN 0 AND 100 OR score = 'NaN' OR explanation IS NULL"
        " OR rationale NOT LIKE %s OR level NOT IN ('LOW', 'MEDIUM', 'HIGH') LIMIT 3",
        ("% (Future Skills model)",),
    )
    assert not wrong
    run = fetch_row(connection, "SELECT * FROM future_skills_predictionrun")
    assert run["total_predictions"] == roles * skills
    assert run["parameters"]["model_version"] == "v1"
    training = fetch_row(connection, "SELECT * FROM future_skills_trainingrun")
    assert training["status"] == "COMPLETED"
    assert training["model_version"] == "v1"
    assert champion(connection).version == "v1"
    assert "v1" in render_registry(connection)
    assert chain.report is not None
    assert not chain.report.drifted
    assert installation.store.read(chain.report.html_uri).startswith(b"<")


def test_a_second_week_writes_only_what_differs(installation):
    connection = installation.connection
    load_demo(connection, roles=60, skills=80, decisions=2_000)
    run_chain(installation)

    freeze(connection)
    second = run_chain(installation)
    assert second.evaluation.verdict == "keep", second.evaluation.checks
    assert rows_written(connection) == 0
    assert not second.report.drifted

    execute(connection, f"UPDATE {PREDICTIONS} SET score = 1.23 WHERE id = (SELECT min(id) FROM {PREDICTIONS})")
    connection.commit()
    freeze(connection)
    run_chain(installation)
    assert rows_written(connection) == 1

    execute(connection, f"DELETE FROM {PREDICTIONS} WHERE id = (SELECT max(id) FROM {PREDICTIONS})")
    connection.commit()
    freeze(connection)
    run_chain(installation)
    assert rows_written(connection) == 1


def test_a_new_role_adds_a_row_per_skill(installation):
    connection = installation.connection
    load_demo(connection, roles=60, skills=80, decisions=2_000)
    run_chain(installation)
    execute(connection, "INSERT INTO future_skills_jobrole (name, department) VALUES ('Prompt Librarian', 'Data')")
    connection.commit()
    freeze(connection)
    third = run_chain(installation)
    assert third.batch.counts["inserted"] == 80
    assert fetch_value(connection, f"SELECT count(*) FROM {PREDICTIONS}") == 61 * 80


def test_a_company_without_decisions_ends_with_a_bootstrap_champion(installation):
    connection = installation.connection
    load_demo(connection, roles=30, skills=50, decisions=0)
    chain = run_chain(installation)
    assert chain.dataset.label_source == "bootstrap"
    assert chain.evaluation.verdict == "bootstrap"
    assert fetch_value(connection, f"SELECT count(*) FROM {PREDICTIONS}") == 30 * 50
    assert "accuracy unknown" in render_registry(connection)


def test_nothing_in_public_is_touched_but_three_tables(installation):
    connection = installation.connection
    load_demo(connection, roles=60, skills=80, decisions=2_000)
    sources = ["jobrole", "skill", "markettrend", "economicreport", "employee", "employee_skills", "hrinvestmentrecommendation"]
    digest = " UNION ALL ".join(
        f"SELECT md5(string_agg(t::text || xmin::text, '|' ORDER BY id)) FROM future_skills_{name} t" for name in sources
    )
    tables = "SELECT string_agg(oid::text || relname, ',' ORDER BY oid) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    before = fetch_rows(connection, digest), fetch_value(connection, tables)
    run_chain(installation)
    assert (fetch_rows(connection, digest), fetch_value(connection, tables)) == before


def test_real_labels_two_releases(installation, onet):
    """O*NET 28.1, then 29.0 into the same state: metrics beside baselines, one champion, only differences written."""
    settings = installation.settings.model_copy(update={"pair_scope": "evidence"})
    at = Installation(installation.connection, installation.store, installation.keys, settings)
    load_company(at.connection, read_company(onet / "28.1"))
    first = run_chain(at)
    overall, baselines = first.evaluation.metrics["overall"], first.evaluation.metrics["baselines"]
    assert first.evaluation.population == "holdout"
    assert first.dataset.label_source == "hr_decision_any_horizon"
    assert overall["ap_high"]["value"] > max(entry["ap_high"] for entry in baselines.values())
    assert first.evaluation.verdict == "promote", first.evaluation.checks

    load_company(at.connection, read_company(onet / "29.0"))
    second = run_chain(at)
    assert second.evaluation.champion_version == "v1"
    assert second.evaluation.metrics["comparison"]["champion"] == "v1"
    assert second.report.reference_batch_id == (first.batch if second.evaluation.verdict != "promote" else second.batch).batch_id
    freeze(at.connection)
    assert predict(at).batch_id == second.batch.batch_id
    assert rows_written(at.connection) == 0
