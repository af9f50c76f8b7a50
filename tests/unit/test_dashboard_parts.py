"""The dashboard's small parts: cells that no spreadsheet computes, times in words, colours by name."""

import csv
import io
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import support.airflow_home  # noqa: F401 - before Airflow is imported
from dashboard.spreadsheet import PIECE, csv_pieces, inert

HOSTILE = [
    '=HYPERLINK("http://x.example","y")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\u200b=1", "＝1", "\u202e=1",
    "|calc", "%0a", "\x00=1",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_becomes_a_formula(text):
    assert inert(text) == f"'{text}"


@pytest.mark.parametrize("value", ["Data engineer", "C++", "R&D", "", "3D modelling", 12.5, -3.0, None, 0])
def test_what_is_no_formula_stays_as_it_is(value):
    assert inert(value) == value


@given(st.text())
def test_a_cell_never_begins_like_a_formula(text):
    cell = inert(text)
    assert cell.lstrip()[:1] not in {"=", "+", "-", "@", "|", "%"} or cell == ""
    assert cell in {text, f"'{text}"}


def test_a_file_reads_back_as_it_was_written():
    rows = [{"name": f'x"{number},\n', "score": number / 2} for number in range(5_000)]
    pieces = list(csv_pieces({"the name": "name", "score": "score"}, rows))
    assert len(pieces) == -(-sum(map(len, pieces)) // PIECE) or len(pieces) > 1
    text = b"".join(pieces).decode("utf-8-sig")
    read = list(csv.DictReader(io.StringIO(text)))
    assert [(row["the name"], float(row["score"])) for row in read] == [(row["name"], row["score"]) for row in rows]


def test_an_empty_file_has_its_headings():
    assert b"".join(csv_pieces({"a": "a"}, [])).decode("utf-8-sig") == '"a"\r\n'


@pytest.mark.parametrize(
    "span, words",
    [
        (timedelta(seconds=3), "less than a minute"), (timedelta(minutes=1), "1 minute"), (timedelta(hours=5), "5 hours"),
        (timedelta(days=3, hours=23), "3 days"), (timedelta(days=400), "1 year"), (timedelta(days=-2), "2 days"),
    ],
)  # fmt: skip
def test_times_are_told_as_people_do(span, words):
    from dashboard.rendering import in_words

    assert in_words(span) == words


def test_a_colour_without_a_name_is_an_error():
    from dashboard.charts import themed
    from future_skills.model.evaluation_plots import MODEL

    assert themed({"a": [MODEL, 1, "text"]}) == {"a": ["colour:model", 1, "text"]}
    with pytest.raises(KeyError):
        themed("#123456")


def test_every_name_of_a_colour_is_in_the_style_sheet():
    from dashboard.assets import STATIC
    from dashboard.charts import COLOURS

    style = (STATIC / "dashboard.css").read_text(encoding="utf-8")
    assert [name for name in COLOURS.values() if f"--chart-{name}:" not in style] == []


# Health


@pytest.fixture
def reading():
    from datetime import UTC, datetime

    from dashboard.health import Reading

    now = datetime(2026, 11, 25, tzinfo=UTC)
    return Reading(
        now=now, newest_chain=now - timedelta(days=2), story=None, batch=None, drift=None, requests=[], undeployed=None,
        unsent_mails=0, dags=[], late=None, held_back=[], decay=None,
    )  # fmt: skip


def judged(reading, **changes):
    from dataclasses import replace

    from dashboard.health import findings, overall

    found = findings(replace(reading, **changes))
    return overall(found), [one.text for one in found]


def test_an_installation_in_which_nothing_ran_says_how_to_begin(reading):
    state, texts = judged(reading, newest_chain=None)
    assert state == "attention"
    assert texts == ["Nothing has run yet: start future_skills_retraining, or wait for its weekly time"]


@pytest.mark.parametrize(
    "stage, sentence",
    [
        ("dataset", "No data was read for 9 days: the weekly chain is late"),
        ("predictions", "The newest data has waited 9 days for its predictions"),
        ("drift_report", "The newest predictions have waited 9 days for their drift report"),
    ],
)
def test_the_part_of_the_week_that_is_late_is_a_problem(reading, stage, sentence):
    from future_skills.alerts.lateness import Late

    state, texts = judged(reading, late=Late(stage, reading.now - timedelta(days=9), "dataset"))
    assert (state, texts[0]) == ("problem", sentence)


def test_an_installation_that_never_read_any_data_is_late_too(reading):
    from future_skills.alerts.lateness import Late

    late = Late("dataset", reading.now - timedelta(days=9), None)
    assert judged(reading, newest_chain=None, late=late)[0] == "problem"


def test_what_the_audit_held_back_and_a_decay_are_problems(reading):
    decay = {"version": "v3", "metric": "ap_high", "value": 0.21, "threshold": 0.4, "n": 140}
    state, texts = judged(reading, held_back=["the share of HIGH moved by +30%"], decay=decay)
    assert state == "problem"
    assert texts[:2] == [
        "The newest predictions are held back: the share of HIGH moved by +30%",
        "v3 decays: AP(HIGH) 0.210 on 140 new decisions of HR, at least 0.400 was promised",
    ]


def test_a_failed_run_goes_before_what_only_waits(reading):
    from dashboard.airflow_runs import DagState, Run

    failed = Run("future_skills_drift", "run+1", "failed", reading.now)
    dags = [DagState("future_skills_drift", False, failed), DagState("future_skills_watch", False, None)]
    state, texts = judged(reading, dags=dags, undeployed="v2", unsent_mails=1)
    assert state == "problem"
    assert texts == [
        "The last run of drift failed",
        "v2 is approved and waits for DevOps to deploy it",
        "1 mail waits for the mail server",
    ]
    assert failed.path == "/dags/future_skills_drift/runs/run%2B1"


def test_a_paused_dag_is_told(reading):
    from dashboard.airflow_runs import DagState

    dags = [
        DagState(f"future_skills_{name}", paused, None) for name, paused in (("drift", True), ("watch", False), ("export", True))
    ]
    assert "Paused, so not started by themselves: drift, export" in judged(reading, dags=dags)[1]


def test_no_model_is_told_once_where_it_waits(reading):
    assert judged(reading)[1] == ["No model is deployed, so nothing is predicted: the registry says why"]
    assert judged(reading, undeployed="v2")[1] == ["v2 is approved and waits for DevOps to deploy it"]
