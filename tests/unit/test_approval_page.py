"""What an HR manager reads before approving: what would change first, exact, short enough, and harmless whatever names say."""

import re
from collections.abc import Iterator
from datetime import date

import pandas as pd
import pytest

from future_skills.database import execute, fetch_frame, fetch_value
from future_skills.domain import LEVELS
from future_skills.ledger.versions import get_version
from future_skills.model.cuts import Cuts, levels_of
from future_skills.prediction.what_would_change import MOVERS, what_would_change
from future_skills.registry.changes import Changes, DepartmentChange, Mover
from future_skills.registry.request_page import DEPARTMENTS_COUNTED, DEPARTMENTS_LISTED, keep_request, render_request
from support.pipeline import Workbench
from support.prepared import Prepared, copied, prepared, three_versions
from support.registry import candidate, deployed, under

PREDICTED = (
    "SELECT job_role_id, skill_id, score, level, coalesce(nullif(department, ''), 'General') AS department"
    " FROM future_skills_futureskillprediction JOIN future_skills_jobrole ON future_skills_jobrole.id = job_role_id"
    " ORDER BY job_role_id, skill_id"
)


@pytest.fixture(scope="module")
def origin(hr_template, tmp_path_factory) -> Prepared:
    return prepared(hr_template, "hr_template", tmp_path_factory.mktemp("asking"), "three_versions", three_versions)


@pytest.fixture
def bench(origin, tmp_path) -> Iterator[Workbench]:
    """v1 to v3 are trained and evaluated; nobody was asked."""
    with copied(origin, tmp_path / "copy") as bench:
        yield bench


def changes_of(bench: Workbench, version: str, **fields) -> Changes:
    return what_would_change(bench.connection, bench.store, bench.keys, bench.settings, version, **fields)


def predicted(bench: Workbench) -> pd.DataFrame:
    rows = fetch_frame(bench.connection, PREDICTED)
    bench.connection.commit()
    return rows


# What would change


def test_what_is_told_is_what_a_deployment_then_does(bench):
    deployed(bench, 1)
    bench.predict()
    before = predicted(bench)
    told = changes_of(bench, "v2")
    deployed(bench, 2)
    bench.predict()
    after = predicted(bench)
    assert told.pairs == len(after) == 30 * 60
    assert told.compared_with == "the predictions stored now"
    flows = pd.crosstab(before["level"], after["level"]).reindex(index=LEVELS, columns=LEVELS, fill_value=0)
    assert told.flows == flows.to_dict("index")
    assert told.up + told.down == (before["level"] != after["level"]).sum() > 0
    assert sum(told.new.values()) == 0
    moved = (after["score"] - before["score"]).abs()
    assert [one.moved for one in told.departments] == sorted((one.moved for one in told.departments), reverse=True)
    assert {one.name for one in told.departments} == set(after["department"])
    for one in told.departments:
        inside = after["department"] == one.name
        assert one.pairs == inside.sum()
        assert one.moved == (before["level"] != after["level"])[inside].sum()
        largest = moved[inside].sort_values(ascending=False).head(MOVERS).to_numpy()
        assert [abs(mover.new_score - mover.old_score) for mover in one.movers] == pytest.approx(largest[largest > 0])


@pytest.mark.parametrize("chunk_rows", [1_000, 100_000])
def test_chunks_change_nothing_and_only_the_largest_movers_are_kept(bench, chunk_rows):
    deployed(bench, 1)
    bench.predict()
    whole = changes_of(bench, "v3", movers=3)
    chunked = under(bench, prediction=bench.settings.prediction.model_copy(update={"chunk_rows": chunk_rows}))
    assert changes_of(chunked, "v3", movers=3) == whole
    assert all(0 < len(one.movers) <= 3 for one in whole.departments)


def test_a_first_model_has_nothing_to_compare_with(bench):
    told = changes_of(bench, "v1")
    assert (told.compared_with, told.up, told.down) == (None, 0, 0)
    assert sum(told.new.values()) == told.pairs == 30 * 60
    assert not any(one.movers for one in told.departments)
    request = candidate(bench, 1)
    page = render_request(bench.connection, request, told)
    assert "**There is nothing to compare with**: no model is deployed and no prediction is stored." in page
    assert f"HIGH of {told.new['HIGH']:,}." in page
    assert "Largest movers" not in page


def test_while_nothing_is_stored_the_deployed_model_is_asked(bench):
    deployed(bench, 1)
    told = changes_of(bench, "v2")
    assert told.compared_with == "what v1 says of them"
    bench.predict()
    stored = changes_of(bench, "v2")
    assert (told.flows, told.departments) == (stored.flows, stored.departments)
    same = changes_of(bench, "v1")
    assert (same.up, same.down, [one.movers for one in same.departments]) == (0, 0, [[]] * len(same.departments))


def test_rows_of_others_are_compared_with_as_they_are_and_missing_ones_are_new(bench):
    execute(
        bench.connection,
        "INSERT INTO future_skills_futureskillprediction (job_role_id, skill_id, horizon_years, score, level, created_at)"
        " SELECT job_role.id, skill.id, horizon, score, level, now() FROM (SELECT min(id) AS id FROM future_skills_jobrole)"
        " AS job_role, (SELECT id FROM future_skills_skill ORDER BY id LIMIT 4) AS skill,"
        " (VALUES (5, 'LOW', 12.5::float), (3, 'HIGH', 99)) AS rows(horizon, level, score)",
    )
    execute(  # one that means nothing to us
        bench.connection,
        "UPDATE future_skills_futureskillprediction SET level = 'URGENT', score = 'NaN' WHERE id = (SELECT min(id) FROM"
        " future_skills_futureskillprediction)",
    )
    bench.connection.commit()
    told = changes_of(bench, "v1")
    assert sum(told.flows["LOW"].values()) == 3
    assert sum(told.new.values()) == told.pairs - 3
    assert sum(len(one.movers) for one in told.departments) == 3
    page = render_request(bench.connection, candidate(bench, 1), told)
    assert "No model is deployed yet: what is stored now is not a model's of this pipeline." in page
    assert "| nothing stored |" in page


def test_levels_are_those_of_the_candidates_own_cuts(bench):
    told = changes_of(bench, "v1")
    version = get_version(bench.connection, "v1")
    deployed(bench, 1)
    bench.predict()
    rows = predicted(bench)
    levels = levels_of(rows["score"].to_numpy(), Cuts(**version.cuts))
    assert told.new == {level: int((levels == level).sum()) for level in LEVELS}


# The page


def made_up(departments: int, movers: int = MOVERS, name: str = "Department") -> Changes:
    """Changes of a large company."""
    found = [
        DepartmentChange(
            f"{name} {number:03d}",
            1_000,
            departments - number,
            1,
            [Mover(f"{name} role {at}", f"{name} skill {at}", "LOW", "HIGH", 1.0, 99.0 - at) for at in range(movers)],
        )
        for number in range(departments)
    ]
    flows = {old: dict.fromkeys(LEVELS, 1_234_567) for old in LEVELS}
    return Changes("20261125T000000-abc", date(2026, 11, 25), 11_111_103, "the predictions stored now", flows,
                   dict.fromkeys(LEVELS, 0), found)  # fmt: skip


def test_the_page_begins_with_what_would_change_and_ends_with_what_an_approval_names(bench):
    deployed(bench, 1)
    bench.predict()
    bench.connection.commit()
    bench.evaluate(get_version(bench.connection, "v2"))
    number = fetch_value(bench.connection, "SELECT max(evaluation_id) FROM future_skills_ops.evaluation")
    bench.connection.commit()
    request = candidate_of(bench, number)
    page = render_request(bench.connection, request, changes_of(bench, "v2"))
    order = [
        "## What would change", "### Largest movers", "## The gate: ", "## Beside the deployed model", "## Model card: v2",
        "### Limits", "## What an approval names", request.digest,
    ]  # fmt: skip
    places = [page.rindex(text) for text in order]
    assert places == sorted(places)
    assert "- AP(HIGH) minus that of v1: " in page
    assert "95 % interval [" in page
    assert "\n# " not in page
    assert "whoever asked for it cannot approve it" in page


def candidate_of(bench: Workbench, evaluation_id: int):
    execute(
        bench.connection,
        "UPDATE future_skills_ops.evaluation SET verdict = 'promote', gate_mode = 'enforce' WHERE evaluation_id = %s",
        (evaluation_id,),
    )
    bench.connection.commit()
    return candidate(bench, evaluation_id)


def test_every_table_of_the_page_is_whole(bench):
    widths: set[int] = set()
    for line in render_request(bench.connection, candidate(bench, 1), made_up(7)).splitlines():
        if not line.startswith("|"):
            widths = set()
            continue
        widths.add(line.replace("\\|", "").count("|"))
        assert len(widths) == 1, line


def test_a_large_company_is_shown_short_and_kept_whole(bench):
    request, changes = candidate(bench, 1), made_up(300)
    shown = keep_request(bench.connection, bench.store, request, changes, "asset_triggered__2026-11-25T10:00:00+00:00_x")
    [kept] = bench.store.path("approvals/request-1").iterdir()
    assert str(kept) in shown
    assert f"of the {DEPARTMENTS_LISTED} departments where most levels change; all departments are in" in shown
    assert len(re.findall(r"^\| Department role", shown, re.MULTILINE)) == DEPARTMENTS_LISTED * MOVERS
    assert f"| {300 - DEPARTMENTS_COUNTED} others, with fewer changes each | 280,000 |" in shown
    assert len(shown) < 40_000
    whole = kept.read_text()
    assert len(re.findall(r"^\| Department role", whole, re.MULTILINE)) == 300 * MOVERS
    assert "others, with fewer" not in whole


EVIL = {
    "_a_ **b** ~~c~~ `d` | e": ["**b", "~~c", "`d", " _a", "a_ "],
    "[a](https://evil.example) ![b](c)": ["[a]", "[b]", "https://"],
    "<img src=x onerror=alert(1)>": ["<"],
    "https://evil.example HTTP://evil.example": ["http://", "https://", "HTTP://"],
    "www.evil.example x@evil.example": ["www.evil", "@evil"],
    "&#104;ttp://evil.example &lt;b": ["&#104;", "&lt;b"],
}


@pytest.mark.parametrize("evil", EVIL)
def test_names_stay_inert(bench, evil):
    page = render_request(bench.connection, candidate(bench, 1), made_up(1, 1, evil))
    line = next(line for line in page.splitlines() if line.startswith("|") and "LOW 1.0" in line)
    assert line.count("|") - line.count("\\|") == 5
    for active in EVIL[evil]:
        assert not re.search(rf"(?<!\\){re.escape(active)}", line), active


def test_a_long_name_is_cut(bench):
    page = render_request(bench.connection, candidate(bench, 1), made_up(1, 1, "n" * 500))
    assert max(len(line) for line in page.splitlines() if "nnn" in line) < 300
    assert "nnn…" in page


def test_where_nobody_is_asked_the_page_says_that_nothing_was_computed(bench):
    assert "Not computed: nobody is asked in this installation." in render_request(bench.connection, candidate(bench, 1))
