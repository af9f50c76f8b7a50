"""What everything after the export relies on: a dataset that is whole, honest and always the same."""

import tracemalloc
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from future_skills.config import DatasetSettings
from future_skills.database import execute, fetch_rows, fetch_value
from future_skills.dataset.export import FutureDatasetError, export_dataset
from future_skills.dataset.features import FeatureTables
from future_skills.dataset.files import from_csv, to_csv
from future_skills.dataset.keywords import has_word
from future_skills.dataset.labels import decide_labels
from future_skills.dataset.reading import DatasetChangedError, load_dataset
from future_skills.dataset.role_split import holdout_role_ids, is_holdout, normalised_name
from future_skills.dataset.scope import pairs_of_roles
from future_skills.dataset.validation import DatasetRejectedError, validate_dataset
from future_skills.domain import FEATURES, NUMERIC_FEATURES, SIGNATURE
from future_skills.hr.interchange import read_company
from future_skills.hr.loader import load_company
from future_skills.ledger.datasets import newest_dataset
from support.company import load_demo
from support.snapshots import MONDAY, exported

TEXT = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
SIZES = {"roles": 30, "skills": 60, "decisions": 600, "employees": 120}


@pytest.fixture
def company(hr):
    load_demo(hr, **SIZES)
    return hr


def test_equal_content_has_an_equal_digest_and_an_id_of_its_own(company, store, settings):
    one, two = exported(company, store, settings), exported(company, store, settings)
    assert one.digest == two.digest
    assert one.dataset_id != two.dataset_id


def test_a_dataset_comes_back_exactly(company, store, settings):
    row = exported(company, store, settings)
    dataset = load_dataset(store, row)
    pairs = FeatureTables(dataset.snapshot)
    again = pairs.frame(*pairs.positions(dataset.training["job_role_id"], dataset.training["skill_id"]))
    pd.testing.assert_frame_equal(again, dataset.training[list(FEATURES)], check_exact=True)
    assert list(again.columns) == list(FEATURES)
    assert row.decided_rows == 600
    assert dataset.training["population"].value_counts().to_dict() == {"decided": 600, "implicit": 600}


def test_validating_again_returns_the_same_row(company, store, settings):
    row = exported(company, store, settings)
    assert validate_dataset(company, store, settings, row.dataset_id, origin="drift") == row
    assert fetch_value(company, "SELECT count(*) FROM future_skills_ops.chain") == 1


def test_a_changed_file_is_noticed(company, store, settings):
    row = exported(company, store, settings)
    path = store.resolve(f"{row.uri}/snapshot/decisions.csv")
    path.write_bytes(path.read_bytes().replace(b"LOW", b"HIGH", 1))
    with pytest.raises(DatasetChangedError, match="changed or damaged"):
        load_dataset(store, row)


def test_echoes_and_company_wide_rows_are_no_labels(company, store, settings):
    execute(
        company,
        "UPDATE future_skills_hrinvestmentrecommendation SET rationale = CASE id %% 3 WHEN 0 THEN %s"
        " WHEN 1 THEN 'ML prediction based on 5-year horizon' ELSE"
        " 'Prédiction basée sur les tendances marché (score=0.90), l''utilisation ...' END WHERE id <= 6",
        (f"Strong need{SIGNATURE}",),
    )
    execute(company, "UPDATE future_skills_hrinvestmentrecommendation SET job_role_id = NULL WHERE id IN (7, 8)")
    company.commit()
    row = exported(company, store, settings)
    assert row.decided_rows == 592
    assert row.manifest["left_out"] == {"company_wide": 2, "echoes": 6}


def test_decisions_count_by_date_and_horizon(company, store, settings):
    execute(company, "UPDATE future_skills_hrinvestmentrecommendation SET created_at = '2026-11-24T00:00Z' WHERE id <= 10")
    execute(company, "UPDATE future_skills_hrinvestmentrecommendation SET horizon_years = 3 WHERE id BETWEEN 11 AND 30")
    company.commit()
    assert exported(company, store, settings).decided_rows == 570
    assert exported(company, store, settings, date(2026, 11, 24)).decided_rows == 580


def test_bad_rows_are_quarantined_with_their_reason_and_within_a_budget(company, store, settings):
    execute(company, "UPDATE future_skills_hrinvestmentrecommendation SET priority_level = 'CRITICAL' WHERE id <= 5")
    execute(company, "UPDATE future_skills_economicreport SET value = 'NaN' WHERE id = 1")
    company.commit()
    row = exported(company, store, settings)
    assert row.decided_rows == 595
    found = fetch_rows(company, "SELECT row_id, reason FROM future_skills_ops.quarantine ORDER BY source_table, row_id")
    assert [entry["row_id"] for entry in found] == [1, 2, 3, 4, 5, 1]
    assert "priority" in found[0]["reason"]
    execute(company, "UPDATE future_skills_hrinvestmentrecommendation SET priority_level = 'CRITICAL' WHERE id <= 50")
    company.commit()
    with pytest.raises(DatasetRejectedError, match="50 of 600 rows of decisions are bad, more than 2%"):
        exported(company, store, settings)


def test_a_halved_source_fails_and_registers_nothing(company, store, settings):
    exported(company, store, settings)
    execute(company, "DELETE FROM future_skills_employee_skills")
    execute(company, "DELETE FROM future_skills_employee WHERE id > 50")
    company.commit()
    with pytest.raises(DatasetRejectedError, match="employees fell from 120 to 50"):
        exported(company, store, settings)
    assert fetch_value(company, "SELECT count(*) FROM future_skills_ops.dataset") == 1


def test_a_dataset_never_speaks_of_the_future(company, store, settings):
    with pytest.raises(FutureDatasetError, match="2199-01-01 would speak of the future"):
        exported(company, store, settings, date(2199, 1, 1))


def test_a_dataset_to_look_at_is_none_of_the_chains_until_it_is_named(company, store, settings):
    row = exported(company, store, settings)
    seen = export_dataset(company, store, settings, MONDAY).dataset_id
    validate_dataset(company, store, settings, seen, origin="manual", to_look_at=True)
    assert newest_dataset(company, 5) == row
    validate_dataset(company, store, settings, seen, origin="manual")
    assert newest_dataset(company, 5).dataset_id == seen


def test_an_empty_database_fails_loudly(hr, store, settings):
    with pytest.raises(DatasetRejectedError, match="0 roles, fewer than 2"):
        exported(hr, store, settings)


def test_too_few_decisions_give_bootstrap_labels(hr, store, settings):
    load_demo(hr, **{**SIZES, "decisions": 30})
    row = exported(hr, store, settings)
    assert row.label_source == "bootstrap"
    dataset = load_dataset(store, row)
    assert len(dataset.training) == 30 * 60
    assert set(dataset.training["label_source"]) == {"bootstrap"}


def test_no_personal_data_leaves_the_database(company, store, settings):
    execute(company, "UPDATE future_skills_employee SET name = 'Zebulon Marker', email = id || '@marker.example'")
    company.commit()
    row = exported(company, store, settings)
    for path in store.resolve(row.uri).rglob("*.*"):
        assert b"marker" not in path.read_bytes().lower()


def test_a_row_keeps_its_features_when_its_own_label_flips(company, store, settings):
    before = load_dataset(store, exported(company, store, settings)).decided
    execute(company, "UPDATE future_skills_hrinvestmentrecommendation SET priority_level = 'HIGH' WHERE priority_level = 'LOW'")
    company.commit()
    after = load_dataset(store, exported(company, store, settings)).decided
    pd.testing.assert_frame_equal(before[list(FEATURES)], after[list(FEATURES)], check_exact=True)


def test_skills_are_the_union_of_both_places(company, store, settings):
    execute(company, "DELETE FROM future_skills_employee_skills WHERE employee_id % 2 = 0")
    execute(company, "UPDATE future_skills_employee SET current_skills = '[]' WHERE id % 2 = 1")
    company.commit()
    holders = fetch_value(company, "SELECT count(*) FROM future_skills_employee_skills") + fetch_value(
        company, "SELECT sum(jsonb_array_length(current_skills)) FROM future_skills_employee"
    )
    dataset = load_dataset(store, exported(company, store, settings))
    assert dataset.snapshot.usage["employees"].sum() == holders


def test_implicit_rows_come_from_training_roles_only(company, store, settings):
    dataset = load_dataset(store, exported(company, store, settings))
    implicit = dataset.training[dataset.training["population"] == "implicit"]
    assert not set(implicit["job_role_id"]) & holdout_role_ids(company)


def test_evidence_leaves_out_pairs_without_a_trace(company, store, settings):
    dataset = load_dataset(store, exported(company, store, settings))
    role, skill = pairs_of_roles(dataset.snapshot, "evidence", np.arange(30))
    everything = pairs_of_roles(dataset.snapshot, "all", np.arange(30))
    assert len(everything[0]) == 30 * 60
    assert 0 < len(role) < 30 * 60
    decided = FeatureTables(dataset.snapshot).positions(dataset.decided["job_role_id"], dataset.decided["skill_id"])
    assert set(zip(*decided, strict=True)) <= set(zip(role, skill, strict=True))


def test_a_role_keeps_its_side_through_a_rename(company, store, settings):
    exported(company, store, settings)
    before = holdout_role_ids(company)
    company.commit()
    for attempt in range(5):
        execute(company, "UPDATE future_skills_jobrole SET name = name || %s", (str(attempt),))
        company.commit()
        exported(company, store, settings)
    assert holdout_role_ids(company) == before


@given(st.text(min_size=1, max_size=30))
def test_spelling_does_not_decide_the_side(name):
    assert is_holdout(name) == is_holdout(f"  {name} ".replace(" ", "  "))
    assert normalised_name(normalised_name(name)) == normalised_name(name)


def test_about_a_fifth_is_held_out():
    assert 0.18 < np.mean([is_holdout(f"role {number}") for number in range(5_000)]) < 0.22


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20), st.floats(allow_nan=False)
        ),
        min_size=1,
        max_size=10,
    )
)
def test_csv_files_come_back_exactly(rows):
    frame = pd.DataFrame(rows, columns=["skill_name", "trend_score"])
    pd.testing.assert_frame_equal(from_csv(to_csv(frame)), frame, check_exact=True)


def test_reading_a_large_file_takes_less_memory_than_twice_the_file():
    values = np.random.default_rng(0).random((20_000, len(NUMERIC_FEATURES)))
    names = [f"skill {number % 500}" for number in range(len(values))]
    content = to_csv(pd.DataFrame(values, columns=list(NUMERIC_FEATURES)).assign(skill_name=names))
    tracemalloc.start()
    try:
        from_csv(content)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * len(content)


def test_keywords_are_whole_words():
    texts = pd.Series(["Travail d'équipe", "Data science", "Metadata", "AI ethics", "Machine learning", "maia"])
    assert has_word(texts, ("data", "ai", "machine learning")).tolist() == [False, True, False, True, True, False]


@pytest.mark.parametrize("pairs, expected", [(200, "hr_decision"), (199, "bootstrap")])
def test_both_sides_of_enough_decisions(pairs, expected):
    levels = ["LOW"] * (pairs - 40) + ["MEDIUM"] * 20 + ["HIGH"] * 20
    decisions = pd.DataFrame(
        {
            "decision_id": range(pairs),
            "job_role_id": 1,
            "skill_id": range(pairs),
            "horizon_years": 5,
            "level": levels,
            "decided_at": "2026-01-01",
        }
    )
    assert decide_labels(decisions, 5, DatasetSettings()).source == expected
    assert decide_labels(decisions.assign(level="LOW"), 5, DatasetSettings()).source == "bootstrap"
    other = decide_labels(decisions, 3, DatasetSettings()).source
    assert other == ("hr_decision_any_horizon" if expected == "hr_decision" else "bootstrap")


@pytest.mark.slow
def test_the_onet_pack_becomes_a_dataset(hr, store, settings, onet):
    settings = settings.model_copy(update={"pair_scope": "evidence"})
    load_company(hr, read_company(onet / "29.0"))
    dataset = export_dataset(hr, store, settings, MONDAY)
    row = validate_dataset(hr, store, settings, dataset.dataset_id, origin="manual")
    assert (row.decided_rows, row.label_source) == (32_435, "hr_decision_any_horizon")
