"""What whoever reads the mails relies on: each says what happened, what it means and what to do, in both parts and languages."""

from dataclasses import replace
from typing import get_args

import pytest

from future_skills.alerts import messages
from future_skills.alerts.data_refusals import audit_alarm, gate_rejection
from future_skills.alerts.outbox import send_outbox
from future_skills.alerts.words import WORDS
from future_skills.drift.columns import Problem
from support.mails import DELETIONS, SHIFT, all_mails, drift_report, evaluation, failed_audit, request
from support.outbox import queued
from support.published import DATASET, add_batch

HOSTILE = "<script>alert('x')</script> & {{ 7 * 7 }}\r\nBcc: all@example.com\0"


@pytest.mark.parametrize("language, heading", [("en", "What to do"), ("fr", "Ce qu'il faut faire")])
def test_every_mail_says_what_to_do_in_both_parts_and_languages(addressed, language, heading):
    settings = addressed.model_copy(update={"future_skills_language": language})
    for cause, mails in all_mails(settings).items():
        assert mails, cause
        for one in mails:
            assert one.cause == cause
            assert heading in one.text
            assert heading.replace("'", "&#39;") in one.html
            assert "http://" in one.text
            assert 'href="http://' in one.html
            assert "None" not in one.text
            assert "- : " not in one.text
            assert "{" not in one.html.split("<body", 1)[1]
            assert "\n" not in one.subject


def test_the_same_event_gives_the_same_mails(addressed):
    assert all_mails(addressed) == all_mails(addressed)
    everything = [one for mails in all_mails(addressed).values() for one in mails]
    assert len({one.message_id for one in everything}) == len(everything)
    assert messages.drift_alert(addressed, drift_report())[0].period == DATASET


def test_mails_go_to_their_role_each_address_once(addressed):
    found = {cause: [one.recipient for one in mails] for cause, mails in all_mails(addressed).items()}
    assert found["approval_request"] == ["drh@example.com", "drh2@example.com"]
    assert found["drift"] == found["gate_rejection"] == found["data_alarm"] == found["audit_failed"] == ["ds@example.com"]
    assert found["failure"] == found["late_chain"] == found["deployment"] == ["ops@example.com"]


def test_without_addresses_there_are_no_mails(settings, hr):
    assert not any(all_mails(settings).values())
    assert messages.weekly_digest(settings, hr, add_batch(hr)) == []


def test_a_report_that_is_fine_gives_no_mail(addressed):
    assert messages.drift_alert(addressed, drift_report(drifted=False)) == []
    assert messages.data_alarm(addressed, drift_report(unknown=False)) == []


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_data_alarm_says_what_is_wrong_with_each_column(addressed, language):
    settings = addressed.model_copy(update={"future_skills_language": language})
    said = WORDS[language].problems
    assert set(said) == set(get_args(Problem))
    lost = drift_report().columns["hiring_difficulty"]
    columns = {f"column_{problem}": {**lost, "problem": problem} for problem in said}
    (mail,) = messages.data_alarm(settings, drift_report(columns=columns))
    for problem, words in said.items():
        row = next(line for line in mail.text.split("column_")[1:] if line.startswith(problem))
        assert words in " ".join(row.split())


def test_predictions_that_are_held_back_are_told_with_the_shift(addressed):
    (mail,) = audit_alarm(addressed, failed_audit(SHIFT))
    assert mail.subject == f"Data alarm: predictions of dataset {DATASET} held back, share of High +28 points"
    assert "Level: High, undecided pairs; Before: 12\u00a0%; Now: 40\u00a0%; Points: +28" in mail.text
    assert "PREDICTION__LARGEST_LEVEL_SHIFT" in mail.text
    assert "delete" not in mail.text
    (deleting,) = audit_alarm(addressed, failed_audit(DELETIONS))
    assert deleting.subject.endswith("held back, 300 would be deleted")
    assert "Shares that moved" not in deleting.text
    assert audit_alarm(addressed, failed_audit()) == [], "a run that lost its rows is no matter of the data"


def test_hostile_values_stay_text(hr, addressed, inbox, server):
    column = {**drift_report().columns["trend_score"], "new_categories": [HOSTILE]}
    mails = [
        *messages.drift_alert(addressed, drift_report(version=HOSTILE, columns={"trend_score": column})),
        *messages.task_failure(addressed, dag_id=HOSTILE, task_id="t", run_id=HOSTILE, error=HOSTILE, link="javascript:alert(1)"),
        *messages.approval_request(addressed, request(requested_by=HOSTILE), "http://x"),
    ]
    for one in mails:
        assert "<script>" not in one.html
        assert "&lt;script&gt;" in one.html
        assert "{{ 7 * 7 }}" in one.html
        assert 'href="javascript' not in one.html
        assert "\0" not in one.text + one.html
    queued(hr, *(replace(one, period="p", message_id=f"<{number}@x>") for number, one in enumerate(mails)))
    assert send_outbox(hr, server).failed == 0
    assert all(received["Bcc"] is None for _, received in inbox.mails)


def test_a_failure_is_mailed_once_for_a_run_and_tells_no_password(addressed):
    error = "could not connect to postgresql://ops:s3cret@db.example/hr and host=db password=s3cret user=ops"
    one, other = (
        messages.task_failure(addressed, dag_id="d", task_id=task, run_id="r", error=error, link="http://x")[0] for task in "ab"
    )
    assert (one.cause, one.period) == (other.cause, other.period)
    assert "s3cret" not in one.text + one.html
    assert "db.example" in one.text


def test_figures_that_only_agree_with_the_rules_say_so(addressed):
    words = "agreement with the rules, accuracy unknown"
    for known in (True, False):
        asked = messages.approval_request(addressed, request(accuracy_known=known), "http://x")[0]
        rejected = gate_rejection(addressed, evaluation(accuracy_known=known), None)[0]
        for one in (asked, rejected):
            assert (words in one.text and words in one.html) is not known
    assert "0.612 [0.550; 0.670]" in asked.text
    french = addressed.model_copy(update={"future_skills_language": "fr"})
    asked = messages.approval_request(french, request(accuracy_known=False), "http://x")[0]
    assert "accord avec les règles, exactitude inconnue" in asked.html
    assert "0,612 [0,550; 0,670]" in asked.text


def test_a_version_that_was_never_measured_can_be_asked_for(addressed):
    unmeasured = {"value": None, "ci": None}
    metrics = {"overall": {"ap_high": unmeasured}, "baselines": {}, "comparison": None, "accuracy_known": False}
    asked = messages.approval_request(addressed, request(metrics=metrics, champion_version=None), "http://x")[0]
    assert "–" in asked.text
    assert "no model is deployed yet" in asked.html
