"""Late or missing: a week without a dataset, or a dataset that nothing follows."""

from datetime import timedelta

import pytest

from future_skills.alerts.lateness import Late, find_late, look_for_late
from future_skills.database import execute
from support.published import DATASET, NOW, add_batch, add_dataset, add_deployment

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("age, late", [(timedelta(days=8), False), (timedelta(days=8, minutes=1), True)])
def test_both_sides_of_a_late_dataset(hr, settings, age, late):
    add_dataset(hr, "other horizon", NOW, horizon=3)
    add_dataset(hr, "older", NOW - timedelta(days=30))
    add_dataset(hr, "newest", NOW - age)
    assert find_late(hr, settings, NOW) == (Late("dataset", NOW - age, "newest") if late else None)


def test_an_installation_that_never_had_a_dataset_is_late_after_the_first_week(hr, settings):
    assert find_late(hr, settings, NOW) is None
    assert find_late(hr, settings, NOW + timedelta(days=8)) is None
    assert find_late(hr, settings, NOW + timedelta(days=9)) == Late("dataset", NOW, None)


def test_a_dataset_to_look_at_is_no_chain(hr, settings):
    add_dataset(hr, "weekly", NOW - timedelta(days=9))
    add_dataset(hr, "to look at", NOW)
    execute(hr, "UPDATE future_skills_ops.chain SET stages = '{\"export\": {}}' WHERE chain_id = 'to look at'")
    assert find_late(hr, settings, NOW).dataset_id == "weekly"


def test_predictions_are_missing_a_day_after_dataset_and_deployment(hr, settings):
    add_batch(hr, state="planned")
    assert find_late(hr, settings, NOW + 25 * HOUR) is None, "no model is deployed: nothing can be predicted"
    add_deployment(hr, at=NOW + 5 * HOUR)
    assert find_late(hr, settings, NOW + 29 * HOUR) is None
    assert find_late(hr, settings, NOW + 30 * HOUR) == Late("predictions", NOW + 5 * HOUR, DATASET)


@pytest.mark.parametrize("state", ["published", "withheld"])
def test_a_drift_report_is_missing_a_day_after_the_predictions(hr, settings, state):
    batch = add_batch(hr, state=state)
    add_deployment(hr, at=NOW)
    finished = batch.published_at or batch.planned_at
    assert find_late(hr, settings, finished + 24 * HOUR) is None
    assert find_late(hr, settings, finished + 25 * HOUR) == Late("drift_report", finished, DATASET)
    execute(
        hr,
        "INSERT INTO future_skills_ops.drift_report (dataset_id, batch_id, reference_batch_id, version, horizon_years, columns,"
        " drifted, unknown, counted, html_uri, json_uri) VALUES (%s, %s, %s, 'v3', 5, '{}', false, false, true, '', '')",
        (DATASET, batch.batch_id, batch.batch_id),
    )
    assert find_late(hr, settings, finished + 25 * HOUR) is None


def test_looking_writes_nothing(hr, settings):
    assert look_for_late(hr, settings, NOW) is None
    assert find_late(hr, settings, NOW - timedelta(days=9)) is None
    assert look_for_late(hr, settings, NOW) == Late("dataset", NOW - timedelta(days=9), None)
    hr.rollback()
    hr.set_session(readonly=True)
    assert look_for_late(hr, settings, NOW) is not None
