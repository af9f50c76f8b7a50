"""`make promote`: an answer is about what the person has read, and the person learns what became of it."""

import json
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from runtime.airflow_api import AirflowApi
from runtime.answering import Question, answer_approval, choose, stated_reason, still_too_early
from runtime.command_options import CommandOptions
from runtime.following import CommandError
from runtime.options import OptionsError
from runtime.results import what_became
from support.web_server import web_server

FIRST = Question("v2", "ab12" * 16, {"subject": "the first"})
SECOND = Question("v3", "cd34" * 16, {"subject": "the second"})


def chosen(*waiting, **given):
    return choose(list(waiting), CommandOptions(**given))


def test_what_is_only_read_is_the_newest():
    assert chosen(FIRST, SECOND) == SECOND
    assert chosen(FIRST, SECOND, version="v2") == FIRST


@pytest.mark.parametrize("named", [{"version": "v2"}, {"digest": "ab12" * 16}, {"digest": "AB12" * 3}])
def test_an_answer_names_the_version_or_the_digest_that_was_read(named):
    assert chosen(FIRST, SECOND, answer="approve", **named) == FIRST


def test_an_answer_that_names_nothing_is_refused_and_told_what_is_open():
    with pytest.raises(OptionsError) as refused:
        chosen(FIRST, answer="approve")
    assert str(refused.value) == (
        "Say what you have read, by VERSION or DIGEST; open is v2 (DIGEST=ab12ab12ab12). Read it with: make promote VERSION=v2"
    )


@pytest.mark.parametrize("named", [{"version": "v3"}, {"digest": "cd34" * 16}, {"version": "v2", "digest": "cd34" * 16}])
def test_an_answer_about_something_else_is_refused(named):
    with pytest.raises(CommandError, match=r"is open; open is v2 \(DIGEST=ab12ab12ab12\)"):
        chosen(FIRST, answer="reject", **named)


def test_a_digest_has_to_be_long_enough_to_name_one_artefact():
    with pytest.raises(OptionsError, match="DIGEST has 12 characters or more"):
        chosen(FIRST, answer="approve", digest="ab12")


def test_nothing_to_answer_is_said():
    with pytest.raises(CommandError, match="No approval is open"):
        chosen(answer="approve", version="v2")


def test_a_person_learns_what_became_of_the_answer():
    counted = {"event": "approved", "counts": True, "reason": "as the figures say"}
    assert what_became("v2", counted, "http://link") == ["v2 is approved, and that is recorded: http://link"]
    refused = {"event": "refused", "counts": False, "reason": "ada asked for v2: somebody else has to approve it"}
    with pytest.raises(CommandError, match="about v2 did not count: ada asked for v2: somebody else has to approve it"):
        what_became("v2", refused, "http://link")
    with pytest.raises(CommandError, match="about v2 is not recorded"):
        what_became("v2", None, "http://link")


@pytest.mark.parametrize(
    "reason, told",
    [(None, "REASON is missing"), ("  ", "REASON is missing"), ("x" * 2_001, "REASON has 2,001 characters; 2,000 are kept")],
)
def test_a_reason_that_would_not_be_kept_is_refused_before_the_answer(reason, told):
    with pytest.raises(OptionsError, match=told):
        stated_reason(CommandOptions(reason=reason))
    assert stated_reason(CommandOptions(reason=" " + "x" * 2_000)) == "x" * 2_000


@pytest.mark.parametrize("age, wait", [(0, 15), (5, 10), (15, 0), (3_600, 0), (-60, 15)])
def test_an_answer_waits_until_airflow_would_not_forget_it(age, wait):
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    asked = {"created_at": (now - timedelta(seconds=age)).isoformat().replace("+00:00", "Z")}
    assert still_too_early(asked, now) == wait


@contextmanager
def paused_airflow():
    """A server that answers as Airflow does while the promotion, which asks about v2, is paused: its address, and what came."""
    instance = {"dag_id": "d", "dag_run_id": "r", "task_id": "request_approval", "map_index": -1, "state": "awaiting_input"}
    question = {"task_instance": instance, "created_at": "2026-11-02", "subject": "v2?", "body": "read me"}
    said = {"version": {"value": "v2"}, "digest": {"value": "ab12" * 16}, "future_skills_promotion": {"is_paused": True}}
    came = []

    def answer(request):
        came.append(request.command)
        return json.dumps(said.get(request.path.partition("?")[0].rsplit("/", 1)[-1], {"hitl_details": [question]})).encode()

    with web_server(answer) as address:
        yield address, came


def test_a_paused_promotion_is_read_and_not_answered_as_nothing_would_come_of_it(capsys):
    with paused_airflow() as (address, came), closing(AirflowApi(address, "drh.one", "secret")) as api:
        assert answer_approval(api, CommandOptions()) is None
        assert "read me" in capsys.readouterr().out
        with pytest.raises(CommandError, match="future_skills_promotion is paused, and a run would wait for ever"):
            answer_approval(api, CommandOptions(version="v2", answer="approve", reason="seen"))
        assert set(came) == {"GET"}
