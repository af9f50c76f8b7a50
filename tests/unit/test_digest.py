"""What an HR manager reads on Monday: what rose, where, why, and who holds it already."""

from dataclasses import replace

import pytest

from future_skills.alerts import messages
from future_skills.alerts.digest import read_digest
from future_skills.database import execute
from support.outbox import queued
from support.published import (
    PUBLISHED,
    add_batch,
    add_change,
    add_earlier_batch,
    add_prediction,
)

LEVELS = '{"decided": {"HIGH": 10, "MEDIUM": 20, "LOW": 30}, "undecided": {"HIGH": 1200, "MEDIUM": 0, "LOW": 5}}'
CHANGED = '{"inserted": 1, "updated": 4, "deleted": 0, "unchanged": 96, "taken_over": 1}'
TREND = {"feature": "trend_score", "feature_readable": "the market trend", "impact": "positive", "strength": "strong"}
SCARCE = {"feature": "scarcity_index", "feature_readable": "scarcity in the company", "impact": "negative", "strength": "strong"}
SCIENTIST, NURSE = (1, "Data <b>scientist</b>"), (2, "Nurse")
RUST, TRIAGE, EXCEL, SQL = (1, "Rust"), (2, "Triage"), (3, "Excel"), (4, "SQL $\\frac{$")


@pytest.fixture
def week(hr):
    """A second week: two moves, a takeover, and a high need that is new; returns its batch."""
    batch = add_batch(hr, counts=CHANGED, levels=LEVELS)
    add_earlier_batch(hr, 7, high=1_000)
    add_prediction(hr, SCIENTIST, RUST, "HIGH", 81.5, factors=[SCARCE, TREND])
    add_prediction(hr, NURSE, TRIAGE, "LOW", 5.0)
    add_prediction(hr, SCIENTIST, SQL, "HIGH", 77.0, factors=[TREND], created_at=PUBLISHED)
    add_prediction(hr, NURSE, SQL, "HIGH", 60.0, batch="an older one", created_at=PUBLISHED)
    add_prediction(hr, NURSE, EXCEL, "LOW", 1.0, created_at=PUBLISHED)
    add_change(hr, SCIENTIST, RUST, ("LOW", 20.0), ("HIGH", 81.5))
    add_change(hr, NURSE, TRIAGE, ("HIGH", 90.0), ("LOW", 5.0))
    add_change(hr, SCIENTIST, EXCEL, ("LOW", 1.0), ("HIGH", 99.0), kind="taken_over")
    execute(hr, "UPDATE future_skills_jobrole SET department = 'Care' WHERE id = 2")
    hr.commit()
    return batch


def one_line(text):
    return " ".join(text.split())


def test_it_goes_to_each_hr_manager_once_about_each_batch(hr, addressed, week):
    mails = messages.weekly_digest(addressed, hr, week)
    assert [one.recipient for one in mails] == ["drh@example.com", "drh2@example.com"]
    assert {one.period for one in mails} == {week.batch_id}
    assert 'href="http://127.0.0.1:8080/plugin/future-skills"' in mails[0].html


def test_new_high_needs_are_those_that_moved_and_those_that_are_new(hr, addressed, week):
    digest = read_digest(hr, week)
    assert (digest.new_highs, digest.moved) == (2, 2)
    assert [(row["skill"], row["old_score"]) for row in digest.new_high] == [("Rust", 20.0), (SQL[1], None)]
    assert {one.name: one.new for one in digest.departments} == {"General": 2, "Care": 0}
    one = messages.weekly_digest(addressed, hr, week)[0]
    assert one.subject == "Future skills: 2 new high needs"
    assert (
        "Skill and job role: Rust, Data <b>scientist</b>, General, raised by the market trend; Score: 82, before: 20" in one.text
    )
    assert "Data &lt;b&gt;scientist&lt;/b&gt;" in one.html
    assert "Excel" not in one.text, "what was taken over from others did not move"
    assert "agreement with the rules" not in one.text


def test_the_largest_moves_come_first_with_the_factor_of_their_direction(hr, addressed, week):
    execute(hr, "DELETE FROM future_skills_ops.prediction_change WHERE skill_id = 2")
    add_change(hr, NURSE, (5, "Typing"), ("MEDIUM", 99.0), ("LOW", 5.0))
    add_prediction(hr, NURSE, (5, "Typing"), "LOW", 5.0, factors=[TREND, SCARCE])
    execute(
        hr, "DELETE FROM future_skills_futureskillprediction WHERE skill_id = 5; DELETE FROM future_skills_skill WHERE id = 5"
    )
    add_prediction(hr, NURSE, (6, "Filing"), "MEDIUM", 30.0, factors=[TREND, SCARCE])
    add_change(hr, NURSE, (6, "Filing"), ("MEDIUM", 60.0), ("MEDIUM", 30.0))
    movers = messages.weekly_digest(addressed, hr, week)[0].text.split("Other large moves (2 of 3)")[1]
    assert movers.index("#5, Nurse, Care; Score: 99 → 5, Medium → Low") < movers.index("Filing")
    assert "Rust" not in movers, "it is among the new high needs"
    assert "Filing, Nurse, Care, lowered by scarcity in the company; Score: 60 → 30, Medium" in movers


def test_rising_skills_count_what_came_against_what_went(hr, week):
    assert [(row["skill"], row["new"], row["gone"]) for row in read_digest(hr, week).rising] == [("Rust", 1, 0), (SQL[1], 1, 0)]
    add_change(hr, NURSE, RUST, ("HIGH", 90.0), ("LOW", 5.0))
    assert [row["skill"] for row in read_digest(hr, week).rising] == [SQL[1]]


def add_employee(hr, number, role_id, *skill_ids, named="[]"):
    execute(
        hr,
        "INSERT INTO future_skills_employee (id, name, email, department, position, current_skills, date_joined, job_role_id)"
        " VALUES (%s, 'N', %s, 'D', 'P', %s, now(), %s)",
        (number, f"{number}@x", named, role_id),
    )
    for skill_id in skill_ids:
        execute(hr, "INSERT INTO future_skills_employee_skills (employee_id, skill_id) VALUES (%s, %s)", (number, skill_id))
    hr.commit()


def test_coverage_is_the_share_of_employees_who_hold_what_their_role_needs(hr, addressed, week):
    add_employee(hr, 1, 1, 1)
    add_employee(hr, 2, 1, named='["Rust"]')
    add_employee(hr, 3, 1, 3)
    digest = read_digest(hr, week)
    general = next(one for one in digest.departments if one.name == "General")
    assert (general.needs, general.needed, general.held) == (2, 6, 2), "Rust and SQL, three people each"
    assert next(one for one in digest.departments if one.name == "Care").coverage is None, "nobody works there"
    assert (digest.total.needs, digest.total.coverage) == (3, pytest.approx(2 / 6))
    text = messages.weekly_digest(addressed, hr, week)[0].text
    assert "Department: General; High needs: 2; New: +2; Held by: 33\u00a0%" in text
    assert "Department: Care; High needs: 1; New: –; Held by: –" in text


def test_pictures_travel_with_the_mail_and_say_what_they_show(hr, addressed, week):
    for days in (14, 21):
        add_earlier_batch(hr, days, high=900)
    add_earlier_batch(hr, 28, high=5, scope="evidence")
    one = messages.weekly_digest(addressed, hr, week)[0]
    assert set(one.pictures) == {"rising", "departments", "history"}
    for name, content in one.pictures.items():
        assert content.startswith(b"\x89PNG")
        assert len(content) < 60_000
        assert f'<img src="cid:{name}" alt="' in one.html
    assert "900 at first and 1,210 now" in one_line(one.text), "another scope counts other pairs"


def test_the_first_publication_says_what_the_company_starts_with(hr, addressed):
    batch = add_batch(hr, counts='{"inserted": 1265}', levels=LEVELS)
    add_prediction(hr, SCIENTIST, RUST, "HIGH", 81.5, created_at=PUBLISHED)
    add_prediction(hr, NURSE, RUST, "HIGH", 70.0, created_at=PUBLISHED)
    add_prediction(hr, NURSE, TRIAGE, "HIGH", 70.0, created_at=PUBLISHED)
    add_change(hr, SCIENTIST, RUST, ("LOW", 20.0), ("HIGH", 81.5))
    one = messages.weekly_digest(addressed, hr, batch)[0]
    assert one.subject == "Future skills: where your company starts"
    assert "1,265 pairs of job role and skill, among them 3 high needs" in one_line(one.text)
    assert "Skill: Rust; Job roles: 2" in one.text
    assert "moves" not in one.text
    assert "New high needs" not in one.text
    assert set(one.pictures) == {"skills", "departments"}


def test_a_new_model_is_named_as_a_reason(hr, addressed):
    batch = add_batch(hr, counts=CHANGED)
    add_earlier_batch(hr, 7, version="v2")
    text = one_line(messages.weekly_digest(addressed, hr, batch)[0].text)
    assert "A new model, v3, made them instead of v2" in text


def test_a_quiet_week_and_a_bootstrap_model_are_said(hr, addressed):
    batch = add_batch(hr, label_source="bootstrap", counts='{"unchanged": 100}')
    one = messages.weekly_digest(addressed, hr, batch)[0]
    assert one.subject == "Future skills: nothing changed"
    assert "agreement with the rules, accuracy unknown" in one_line(one.text)
    assert one.pictures == {}
    assert messages.weekly_digest(addressed, hr, replace(batch, state="withheld")) == []


def test_that_nothing_changed_is_news_once_a_week(hr, addressed):
    batch = add_batch(hr, counts='{"unchanged": 100}')
    mails = messages.weekly_digest(addressed, hr, batch)
    queued(hr, *(replace(one, period="the batch before", message_id=f"<{one.recipient}>") for one in mails))
    assert messages.weekly_digest(addressed, hr, batch) == []
    execute(hr, "UPDATE future_skills_ops.outbox SET created_at = created_at - interval '7 days'")
    assert len(messages.weekly_digest(addressed, hr, batch)) == 2


def test_french(hr, addressed, week):
    french = addressed.model_copy(update={"future_skills_language": "fr"})
    one = messages.weekly_digest(french, hr, week)[0]
    assert one.subject == "Compétences futures : 2 nouveaux besoins élevés"
    assert "Élevé → Faible" in one.text
