"""The report opens anywhere and asks nobody: no address is loaded, names stay text, and no figure hides its source."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from plotly.offline import get_plotlyjs

from future_skills.config import GateSettings
from future_skills.ledger.datasets import get_dataset
from future_skills.ledger.versions import EvaluationRow, get_version
from future_skills.model.evaluation_report import render_report
from support.company import load_demo
from support.pipeline import Workbench
from support.prepared import SIZES, Prepared, copied, prepared

HOSTILE = "<img src=https://evil.example/x onerror=alert(1)></script><a href='https://evil.example'>click</a>"
PLOTS = {"ap_high", "macro_f1", "confusion", "reliability", "slices", "importance", "known_ap_high", "known_macro_f1"}
UNKNOWN = "agreement with the rules, accuracy unknown"


class Page(HTMLParser):
    """What a browser would find: every element with its attributes, scripts, and the text between."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.styles, self.text = "", ""
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):  # noqa: ARG002 - the parser's own signature
        self._inside = ""

    def handle_data(self, data):
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside == "style":
            self.styles += data
        else:
            self.text += f" {data}"

    @property
    def ids(self) -> set[str]:
        return {attributes["id"] for _, attributes in self.elements if "id" in attributes}

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


def rendered(bench: Workbench, evaluation: EvaluationRow, **changes) -> Page:
    version = get_version(bench.connection, evaluation.version)
    dataset = get_dataset(bench.connection, evaluation.dataset_id)
    return Page(render_report(version, dataset, {**evaluation.metrics, **changes}))


@pytest.fixture
def evaluation(bench) -> EvaluationRow:
    """v2, measured by cross-validation against v1."""
    return bench.evaluate(bench.train(bench.export(), estimator="random_forest", parameters={"n_estimators": 5}))


def assert_loads_nothing(page: Page) -> None:
    for tag, attributes in page.elements:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "form"}
        assert not {"src", "href", "action", "srcset", "background"} & set(attributes), tag
    assert not re.search(r"url\(|@import", page.styles)
    policy = next(attributes["content"] for tag, attributes in page.elements if "http-equiv" in attributes)
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy
    assert page.scripts.count(get_plotlyjs()) == 1
    for script in page.scripts:
        assert script == get_plotlyjs() or "http" not in script


def test_cross_validation_is_shown_whole(bench, evaluation):
    page = rendered(bench, evaluation)
    assert_loads_nothing(page)
    assert page.ids == {f"plot-{name}" for name in PLOTS | {"difference"}}
    metrics = evaluation.metrics
    for value in (metrics["overall"]["ap_high"]["value"], metrics["baselines"]["skill_share"]["ap_high"]):
        assert f"{value:.3f}" in page.words
    for part in metrics["slices"]:
        assert part["name"] in page.words
    assert "Against the deployed model, v1" in page.words
    assert "grouped cross-validation" in page.words
    assert "no check of the gate reads it" in page.words
    assert UNKNOWN not in page.words


def test_the_holdout_is_shown_as_such(bench):
    easy = GateSettings(minimum_roles=3, minimum_high=3, resamples=200)
    bench = replace(bench, settings=bench.settings.model_copy(update={"gate": easy}))
    evaluation = bench.evaluate(bench.train(bench.export()))
    assert evaluation.population == "holdout"
    page = rendered(bench, evaluation)
    assert_loads_nothing(page)
    assert "job roles held out from this model" in page.words


def test_where_nothing_could_be_measured_the_report_says_so(bench, evaluation):
    nothing = {
        "population": "none", "rows": 0, "high": 0, "roles": 0, "per_class": {}, "confusion": None, "reliability": None,
        "slices": [], "baselines": {}, "comparison": None, "importance": None, "known_roles": None, "backtest": [],
        "overall": {**{name: {"value": None, "ci": None} for name in evaluation.metrics["overall"]}, "base_rate": None},
        "targets": {name: {**target, "value": None, "distance": None} for name, target in evaluation.metrics["targets"].items()},
    }  # fmt: skip
    page = rendered(bench, evaluation, **nothing)
    assert_loads_nothing(page)
    assert page.ids == set()
    assert "Fewer than two job roles have decisions" in page.words
    assert "Not measured: too few decisions to hold some out." in page.words
    broken = rendered(bench, evaluation, **{**nothing, "population": "holdout"})
    assert "The model answered with values that are no numbers." in broken.words


def test_names_from_the_data_stay_text(bench, evaluation):
    slices = [{**part, "name": f"{HOSTILE} {number}"} for number, part in enumerate(evaluation.metrics["slices"])]
    known = {**evaluation.metrics["known_roles"], "slices": slices}
    page = rendered(bench, evaluation, slices=slices, known_roles=known)
    assert not [tag for tag, _ in page.elements if tag in {"img", "a"}]
    assert HOSTILE in page.text
    assert len(page.scripts) == len(rendered(bench, evaluation).scripts)
    plot = next(script for script in page.scripts if "plot-slices" in script)
    assert "&lt;img" in plot.replace("\\u003c", "<").replace("\\u0026", "&")
    assert "<a" not in plot.replace("\\u003c", "<")
    assert "</script" not in plot


def test_the_back_test_is_a_row_for_each_kind_of_pair(bench, evaluation):
    part = {"n": 1234, "high": 56, "changed": 78, "model": {"ap_high": 0.61, "macro_f1": 0.52, "weighted_f1": 0.5}}
    part["persistence"] = {"ap_high": None, "macro_f1": 0.43, "weighted_f1": 0.4}
    test = {"dataset_id": "d", "as_of": "2026-01-05", "populations": {"undecided": part, "redecided": {**part, "n": 77}}}
    page = rendered(bench, evaluation, backtest=[test])
    assert "2026-01-05 undecided 1,234 56 78 0.610 – 0.520 0.430" in page.words
    assert "decided, decided anew since" in page.words
    assert "None: no older dataset" in rendered(bench, evaluation, backtest=[]).words


def bootstrapped(bench: Workbench) -> None:
    """A company that has decided too little."""
    load_demo(bench.connection, **{**SIZES, "roles": 20, "decisions": 30})
    bench.evaluate(bench.train(bench.export()))


@pytest.fixture(scope="module")
def rules(hr_template, tmp_path_factory) -> Prepared:
    return prepared(hr_template, "hr_template", tmp_path_factory.mktemp("rules"), "bootstrapped", bootstrapped)


def test_labels_of_the_rules_are_marked_at_every_heading(rules, tmp_path):
    with copied(rules, tmp_path / "copy") as bench:
        metrics = bench.evaluate(get_version(bench.connection, "v1")).metrics
        page = Page(bench.store.read(metrics["report_uri"]).decode())
    headings = [attributes for tag, attributes in page.elements if tag == "h2"]
    facts = 2
    assert len([1 for tag, attributes in page.elements if attributes.get("class") == "badge"]) == len(headings) > 5
    assert page.words.count(UNKNOWN) == len(headings) + facts + 1
    assert metrics["backtest"] == []
