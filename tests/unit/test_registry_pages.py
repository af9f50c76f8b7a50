"""What people read of a version: its card, and two versions side by side; nothing is compared that cannot be."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from future_skills.database import execute, fetch_value
from future_skills.ledger.versions import UnknownVersionError, get_version, holdout_reads
from future_skills.registry.approvals import record_answer
from future_skills.registry.card import render_card
from future_skills.registry.comparison import obstacle, render_comparison
from future_skills.registry.page import write_registry
from future_skills.registry.request_page import render_request
from future_skills.registry.story import tell_version
from support.pipeline import Workbench
from support.prepared import Prepared, copied, prepared, three_versions
from support.registry import candidate

UNKNOWN = "agreement with the rules, accuracy unknown"


@pytest.fixture(scope="module")
def origin(hr_template, tmp_path_factory) -> Prepared:
    return prepared(hr_template, "hr_template", tmp_path_factory.mktemp("pages"), "three_versions", three_versions)


@pytest.fixture
def bench(origin, tmp_path) -> Iterator[Workbench]:
    """v1, v2 and v3 are trained on one dataset and evaluated; nobody was asked."""
    with copied(origin, tmp_path / "copy") as bench:
        yield bench


def deployed(bench: Workbench, number: int, reason: str = "as the figures say") -> None:
    candidate(bench, number)
    record_answer(bench.connection, f"request-{number}", "approved", actor="drh", reason=reason, dag_run_id=f"answer-{number}")
    bench.deploy(f"v{number}")


def as_bootstrap(bench: Workbench) -> None:
    """Let the ledger say that v1 was trained on the rules."""
    execute(bench.connection, "UPDATE future_skills_ops.model_version SET label_source = 'bootstrap' WHERE version = 'v1'")
    execute(
        bench.connection,
        "UPDATE future_skills_ops.evaluation SET metrics = jsonb_set(metrics, '{accuracy_known}', 'false') WHERE version = 'v1'",
    )


def card_in_store(bench: Workbench, version: str) -> str:
    return bench.store.read(str(bench.store.path(f"models/future_skills_model_{version}.md"))).decode()


def cells(page: str, label: str) -> list[list[str]]:
    """The cells of the rows that begin with a label."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("|")]
    return [row[1:] for row in rows if row[0] == label]


# The card


def test_a_card_tells_data_worth_limits_and_artefacts(bench):
    version, story = get_version(bench.connection, "v2"), tell_version(bench.connection, "v2")
    page, metrics = render_card(bench.connection, "v2"), story.evaluation.metrics
    for text in (
        version.dataset_id, str(story.dataset.as_of), "It was never deployed.", "the priority levels HR decided for this horizon",
        "not for hiring, promotion, dismissal", "EU AI Act", "a person decides",
        "| the HR application can load it | its file loads there, but what it answers there is not what is published",
        metrics["report_uri"], f"MEDIUM from a score of {version.cuts['medium']:.2f}", "C = 0.5",
        f"scikit-learn {version.libraries['scikit-learn']}", "no check of the gate reads it",
        *(artifact.sha256 for artifact in version.artifacts.values()),
    ):  # fmt: skip
        assert text in page, text
    unseen, known = cells(page, "AP(HIGH)")
    assert unseen[0].startswith(f"{metrics['overall']['ap_high']['value']:.3f} [")
    assert unseen[1:] == [f"{metrics['baselines'][name]['ap_high']:.3f}" for name in ("majority", "rules", "skill_share")]
    assert known[0].startswith(f"{metrics['known_roles']['overall']['ap_high']['value']:.3f} [")
    for part in metrics["slices"]:
        assert cells(page, part["name"])[0][0] == str(part["n"])
    assert UNKNOWN not in page


def test_every_table_of_a_card_is_whole(bench):
    deployed(bench, 1)
    widths: set[int] = set()
    for line in render_card(bench.connection, "v1").splitlines():
        if not line.startswith("|"):
            widths = set()
            continue
        widths.add(line.replace("\\|", "").count("|"))
        assert len(widths) == 1, line


def test_a_card_says_who_let_the_version_in_and_whether_it_still_predicts(bench):
    deployed(bench, 1, reason="a|b <script>x</script>")
    page = render_card(bench.connection, "v1")
    assert "**It is the deployed model.**" in page
    assert "approval approved | drh | a\\|b &lt;script>x&lt;/script> |" in page
    assert "| deploy, instead of nothing | devops |" in page
    deployed(bench, 2)
    assert "It was deployed, and is no longer." in render_card(bench.connection, "v1")


def test_cards_lie_beside_the_models_and_are_replaced_when_something_happens(bench):
    write_registry(bench.connection, bench.store)
    assert "It was never deployed." in card_in_store(bench, "v1")
    deployed(bench, 1)
    assert "**It is the deployed model.**" in card_in_store(bench, "v1")
    deployed(bench, 2)
    assert "It was deployed, and is no longer." in card_in_store(bench, "v1")
    assert card_in_store(bench, "v3") == render_card(bench.connection, "v3")


def test_the_reads_of_the_holdout_are_those_of_all_versions_until_then(bench):
    def told(version: str) -> int:
        return tell_version(bench.connection, version).reads

    assert [told(name) for name in ("v1", "v2", "v3")] == [0, 0, 0]
    execute(bench.connection, "UPDATE future_skills_ops.evaluation SET population = 'holdout' WHERE version <> 'v2'")
    assert [told(name) for name in ("v1", "v2", "v3")] == [1, 1, 2]
    assert holdout_reads(bench.connection, 3) == 2
    assert "they were read 1 time;" in render_card(bench.connection, "v1")
    assert "they were read 2 times;" in render_card(bench.connection, "v3")


def test_labels_of_the_rules_are_marked_wherever_a_card_shows_a_figure(bench):
    as_bootstrap(bench)
    page = render_card(bench.connection, "v1")
    for heading in ("Worth on job roles it has not seen", "Worth on other pairs of roles it knows", "Back-test"):
        assert f"## {heading} ({UNKNOWN})" in page
    assert f"every figure below is {UNKNOWN}" in page
    assert "the rule formula stands in" in page


@pytest.mark.parametrize("missing", ["known_roles", "importance", "backtest", "report_uri"])
def test_an_evaluation_of_an_earlier_release_still_has_a_card(bench, missing):
    execute(bench.connection, "UPDATE future_skills_ops.evaluation SET metrics = metrics - %s", (missing,))
    assert "## Ethical note" in render_card(bench.connection, "v1")
    assert "## Job roles not seen" in render_comparison(bench.connection, "v1", "v2")


def test_a_version_without_an_evaluation_has_a_card(bench):
    execute(bench.connection, "DELETE FROM future_skills_ops.evaluation WHERE version = 'v1'")
    page = render_card(bench.connection, "v1")
    assert "Not evaluated yet." in page
    assert "The gate has not judged it." in page


# Two versions


def test_versions_measured_on_the_same_rows_are_subtracted(bench):
    page = render_comparison(bench.connection, "v1", "v3")
    values = [tell_version(bench.connection, name).evaluation.metrics for name in ("v1", "v3")]
    own = [one["overall"]["ap_high"]["value"] for one in values]
    row = cells(page, "AP(HIGH)")[0]
    assert [cell.split()[0] for cell in row[:2]] == [f"{value:.3f}" for value in own]
    assert row[2] == f"{own[1] - own[0]:+z.3f}"
    assert "the difference is v3 minus v1" in page
    assert cells(page, "baseline rule formula, AP(HIGH)")[0][2] == "+0.000"
    assert cells(page, "F1 of HIGH")[0][0] == f"{values[0]['per_class']['HIGH']['f1']:.3f}"
    for part in values[0]["slices"]:
        assert len(cells(page, f"department {part['name']}, AP(HIGH), n = {part['n']} / {part['n']}")) == 1
    assert cells(page, "gate")[0] == ["promote", "promote"]
    assert cells(page, "hyperparameters")[0] == ['{"C": 1.0}', '{"C": 0.25}']


@pytest.mark.parametrize(
    "change, reason",
    [
        ("metrics = metrics || '{\"population\": \"holdout\"}'", "measured on different populations (cv and holdout)"),
        ("metrics = metrics || '{\"rows\": 599}'", "measured on different rows of the same dataset"),
        ("metrics = metrics || '{\"baselines\": {}}'", "v2 was not measured"),
    ],
)  # fmt: skip
def test_what_was_measured_elsewhere_is_not_subtracted(bench, change, reason):
    execute(bench.connection, f"UPDATE future_skills_ops.evaluation SET {change} WHERE version = 'v2'")
    page = render_comparison(bench.connection, "v1", "v2")
    assert f"**Not comparable**: {reason}." in page
    assert cells(page, "AP(HIGH)")[0][2] == "–"
    assert cells(page, "AP(HIGH)")[0][0].startswith("0.")


def test_another_dataset_is_an_obstacle(bench):
    one, other = tell_version(bench.connection, "v1"), tell_version(bench.connection, "v2")
    assert obstacle(one, other) is None
    elsewhere = replace(other, dataset=replace(other.dataset, dataset_id="another"))
    assert obstacle(one, elsewhere).startswith("measured on different datasets")
    assert obstacle(one, replace(other, evaluation=None)) == "v2 was not measured"


def test_the_paired_difference_of_the_evaluation_is_shown_in_either_order(bench):
    deployed(bench, 1)
    bench.connection.commit()
    bench.evaluate(get_version(bench.connection, "v2"))
    for order in (("v1", "v2"), ("v2", "v1")):
        assert "v2 minus v1, paired on the same rows when v2 was evaluated: AP(HIGH) " in render_comparison(
            bench.connection, *order
        )
    page = render_comparison(bench.connection, "v1", "v3")
    assert "paired" not in page
    assert cells(page, "deployed")[0][0].endswith("by devops (now)")
    assert cells(page, "approval")[0][0].startswith("approved ")
    assert cells(page, "deployed")[0][1] == "never"


def test_labels_of_the_rules_are_marked_in_a_comparison(bench):
    as_bootstrap(bench)
    page = render_comparison(bench.connection, "v1", "v2")
    assert f"> v1 was trained on bootstrap labels: its figures are {UNKNOWN}." in page
    assert f"## Job roles not seen (bootstrap labels: {UNKNOWN})" in page
    assert UNKNOWN not in render_comparison(bench.connection, "v2", "v3")


def test_an_unknown_version_is_answered_with_those_there_are(bench, hr):
    for render in (lambda: render_card(bench.connection, "v9"), lambda: render_comparison(bench.connection, "v1", "v9")):
        with pytest.raises(UnknownVersionError, match=r"no model version 'v9': the newest are v3, v2, v1"):
            render()
    with pytest.raises(UnknownVersionError, match="nothing was trained yet"):
        render_card(hr, "v1")


def test_whoever_approves_is_told_where_the_report_is(bench):
    request = candidate(bench, 2)
    uri = fetch_value(bench.connection, "SELECT metrics ->> 'report_uri' FROM future_skills_ops.evaluation WHERE version = 'v2'")
    assert f"All figures with plots: `{uri}`" in render_request(bench.connection, request)
