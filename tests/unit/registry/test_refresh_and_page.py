"""When a champion is refreshed, and the page that shows the registry."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from future_skills.alerts.messages import approval_request
from future_skills.database import execute
from future_skills.ledger.versions import get_version
from future_skills.model.libraries import library_versions
from future_skills.registry.approvals import request_of_version
from future_skills.registry.candidates import refresh_mode, register_candidate
from future_skills.registry.card import render_card
from future_skills.registry.deployment_checks import NotDeployableError
from future_skills.registry.page import render_registry, write_registry
from future_skills.registry.request_page import render_request
from support.registry import answer, candidate, deployed, with_gate

# Refresh


def test_a_refresh_is_asked_for_or_due_to_age_labels_horizon_or_library(bench):
    deployed(bench, 1)
    connection, settings = bench.connection, bench.settings
    dataset, reigning = bench.export(), get_version(connection, "v1")

    def mode(champion_row=reigning, dataset_row=dataset, libraries=reigning.libraries, asked=False) -> str:
        return refresh_mode(connection, settings, champion_row, dataset_row, libraries, asked=asked)

    def changed(row, **fields):
        return type(row)(**{**row.__dict__, **fields})

    assert mode() == "normal"
    assert mode(None, asked=True) == "normal"
    assert mode(asked=True) == "refresh"
    assert mode(dataset_row=changed(dataset, label_source="hr_decision_any_horizon")) == "refresh"
    assert mode(dataset_row=changed(dataset, horizon_years=3)) == "refresh"
    assert mode(libraries={**reigning.libraries, "scikit-learn": "1.8.0"}) == "refresh"
    assert mode(libraries={**reigning.libraries, "xgboost": "9.9"}) == "normal"  # the champion does not need it
    boosted = changed(reigning, estimator="xgboost", libraries={**reigning.libraries, "xgboost": "2.0.0"})
    assert mode(boosted, libraries={**reigning.libraries, "xgboost": "2.0.0"}) == "normal"
    assert mode(boosted, libraries={**reigning.libraries, "xgboost": "9.9"}) == "refresh"
    settings = with_gate(bench, refresh_after=timedelta(seconds=0)).settings
    assert mode() == "refresh"
    long_ago = changed(reigning, created_at=datetime.now(UTC) - timedelta(weeks=52))
    settings = bench.settings
    assert mode(long_ago) == "normal"  # what counts is when it was deployed


@pytest.mark.parametrize("beside, expected", [(-timedelta(minutes=1), "normal"), (timedelta(minutes=1), "refresh")])
def test_a_champion_is_refreshed_from_the_day_it_is_too_old_and_not_before(bench, beside, expected):
    deployed(bench, 1)
    for statement in (
        "ALTER TABLE future_skills_ops.deployment DISABLE TRIGGER append_only",
        "UPDATE future_skills_ops.deployment SET at = now() - %s",
        "ALTER TABLE future_skills_ops.deployment ENABLE TRIGGER append_only",
    ):
        execute(bench.connection, statement, (bench.settings.gate.refresh_after + beside,) if "%s" in statement else None)
    bench.connection.commit()
    reigning, dataset = get_version(bench.connection, "v1"), bench.export()
    found = refresh_mode(bench.connection, bench.settings, reigning, dataset, reigning.libraries, asked=False)
    assert found == expected
    assert bench.settings.gate.refresh_after == timedelta(weeks=8)


@pytest.mark.parametrize("mode", ["normal", "refresh"])
def test_whoever_signs_reads_that_not_worse_was_enough(bench, mode):
    deployed(bench, 1)
    evaluation = with_gate(bench, refresh_margin=0.3).evaluate(get_version(bench.connection, "v2"), mode)
    if mode == "normal":  # two such models do not differ: the page of one that passed is made by hand
        update = "UPDATE future_skills_ops.evaluation SET verdict = 'promote' WHERE evaluation_id = %s"
        execute(bench.connection, update, (evaluation.evaluation_id,))
        bench.connection.commit()
    request = bench.ask(evaluation)
    addressed = bench.settings.mail.model_copy(update={"drh_managers": ["drh@example.com"]})
    settings = (bench.settings.model_copy(update={"mail": addressed, "future_skills_language": name}) for name in ("en", "fr"))
    asked, demanded = (approval_request(one, request, "http://x")[0] for one in settings)
    letters = [" ".join(text.split()) for text in (asked.text, asked.html)]
    page = render_request(bench.connection, request)
    said = "its AP(HIGH) had to be not worse than that of v1 by more than 0.300"
    told = {
        "request, first lines": "as a refresh: not worse was enough" in page.partition("## ")[0],
        "request and the card in it": page.count(said) == 2,
        "card": said in render_card(bench.connection, "v2"),
        "registry": "| promote (refresh) |" in render_registry(bench.connection),
        "mail": all("not worse than the deployed model by more than 0.300 of" in text for text in letters),
        "French mail": "moins bon que le modèle déployé de plus de 0,300" in " ".join(demanded.text.split()),
    }
    assert told == dict.fromkeys(told, mode == "refresh")


# The page


def test_the_page_shows_versions_beside_their_baselines_and_every_deployment(bench):
    deployed(bench, 1)
    candidate(bench, 2)
    page = bench.store.read(write_registry(bench.connection, bench.store)).decode()
    assert "Deployed: **v1**" in page
    versions = [line for line in page.splitlines() if line.startswith(("| version |", "| v"))]
    assert len({line.replace("\\|", "").count("|") for line in versions}) == 1
    assert [line.split("|")[1].strip() for line in versions] == ["version", "v3", "v2", "v1"]
    assert "| requested |" in versions[2]
    assert "| approved |" in versions[3]
    assert "cv, n=600, 30 roles" in versions[3]
    assert len([line for line in page.splitlines() if "| v1 | – | deploy | devops | – |" in line]) == 1


def test_the_page_names_versions_that_cannot_be_deployed_here_any_more(bench):
    libraries = (
        "UPDATE future_skills_ops.model_version SET libraries = libraries || '{\"scikit-learn\": \"0.1\"}' WHERE version = 'v2'"
    )
    execute(bench.connection, libraries)
    bench.connection.commit()
    rows = [line.split("|") for line in render_registry(bench.connection).splitlines() if line.startswith("| v")]
    column = next(number for number, title in enumerate(rows[0]) if title.strip() == "deployable here")
    found = {row[1].strip(): row[column].strip() for row in rows[1:]}
    here = library_versions()["scikit-learn"]
    assert found == {"v3": "yes", "v2": f"no, made with scikit-learn 0.1, here {here}", "v1": "yes"}
    with pytest.raises(NotDeployableError, match=re.escape(f"scikit-learn 0.1, here {here}: train a new version")):
        deployed(bench, 2)


def test_what_people_wrote_stays_inside_its_cell(bench):
    candidate(bench, 1)
    answer(bench, 1, "approved")
    bench.deploy("v1", reason="a|b\\|c **d** \u202ee\n<script>alert(1)</script> [here](https://example.com) `x`")
    line = next(line for line in render_registry(bench.connection).splitlines() if "script" in line)
    assert "<script>" not in line
    assert line.endswith(
        "| a\\|b\\\\\\|c \\*\\*d\\*\\* e &lt;script>alert(1)&lt;/script> \\[here](https\u200b://example.com) \\`x\\` |"
    )


def test_the_page_of_an_empty_ledger_says_so(hr):
    page = render_registry(hr)
    assert "No model is deployed yet." in page


def test_the_newest_request_of_a_version_counts(bench):
    assert request_of_version(bench.connection, "v1") is None
    candidate(bench, 1)
    answer(bench, 1, "rejected")
    bench.connection.commit()
    again = bench.evaluate(get_version(bench.connection, "v1"))
    assert register_candidate(
        bench.connection, bench.settings, again.evaluation_id, requested_by="ada", dag_run_id="run"
    ) == request_of_version(bench.connection, "v1")
    assert request_of_version(bench.connection, "v1").state == "requested"
