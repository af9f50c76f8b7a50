"""An experiment is kept, shown to people without harm, and its choice is the default of the next trainings."""

from contextlib import closing
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from psycopg2.extensions import make_dsn

from future_skills.config import read_sql
from future_skills.database import connect, execute, fetch_value
from future_skills.ledger.datasets import UnknownDatasetError
from future_skills.ledger.experiments import UnknownExperimentError, get_experiment, insert_experiment, newest_experiment
from future_skills.ledger.migrate import migrate_ledger, require_ledger
from future_skills.ledger.settings import read_setting, write_setting
from future_skills.ledger.training_default import TrainingDefault, choose_default, forget_default, training_default
from future_skills.ledger.versions import UnknownVersionError
from future_skills.registry.comparison_html import render_html
from future_skills.registry.comparison_page import NAME, render_comparison
from future_skills.registry.experiments import ExperimentOrder, NoDefaultError, _best_of, apply_choice, run_experiment
from future_skills.registry.page import render_registry
from future_skills.registry.retraining import RetrainingOrder, existing_dataset, version_for
from support.pipeline import Workbench

ORDER = ExperimentOrder("run", ("logistic_regression", "ridge"), ("target",), requested_by="ada")
HOSTILE = "</td><script>alert(1)</script> | [x](http://evil.example) `"


def run(bench: Workbench, **fields):
    return run_experiment(bench.connection, bench.store, bench.settings, replace(ORDER, **fields))


def choose(bench: Workbench, experiment_id: int | None, **fields) -> str:
    return apply_choice(bench.connection, bench.store, replace(ORDER, **fields), experiment_id)


def test_an_experiment_fits_no_more_rows_than_a_training(bench):
    training = bench.settings.training.model_copy(update={"maximum_rows": 300})
    bounded = replace(bench, settings=bench.settings.model_copy(update={"training": training}))
    one, other = run(bench, run_id="all"), run(bounded, run_id="bounded")
    assert (one.facts["maximum_rows"], other.facts["maximum_rows"]) == (200_000, 300)
    losses = [[contender["measures"]["log_loss"] for contender in made.contenders] for made in (one, other)]
    assert losses[0] != losses[1]
    with bench.connection:
        newest = render_comparison(bench.connection)
    for page in (newest, render_html(other)):
        assert "Each fit took 300 of " in page
    assert "Each fit took" not in render_html(one)


def test_an_experiment_is_kept_with_its_pages_and_a_repeat_finds_it(bench):
    made = run(bench)
    assert run(bench) == made
    assert newest_experiment(bench.connection) == made
    assert get_experiment(bench.connection, 1) == made
    with pytest.raises(UnknownExperimentError, match="no experiment 7"):
        get_experiment(bench.connection, 7)
    assert run(bench, run_id="other", estimators=("lasso",)).experiment_id == 2
    assert bench.store.read(made.page_uri).startswith(b"<!doctype html>")
    page = bench.store.path(NAME).read_text()
    assert "Experiment 2 of" in page
    assert "| **lasso** | target | core |" in page
    assert "*skill share*" in page
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in rows}) == 1


class Outside(HTMLParser):
    """Collects what a browser would fetch."""

    def __init__(self):
        super().__init__()
        self.fetched, self.tags = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.fetched += [(tag, name, value) for name, value in attrs if name in {"src", "href", "srcset", "data", "action"}]


def test_the_html_page_loads_nothing_and_text_from_outside_stays_text(bench):
    made = run(bench)
    broken = {**made.contenders[1], "measures": None, "reason": HOSTILE}
    hostile = replace(made, contenders=[made.contenders[0], broken], recommendation={"contender": 0, "reason": HOSTILE})
    for row in (made, hostile):
        parser = Outside()
        parser.feed(render_html(row))
        assert parser.fetched == []
        assert parser.tags.count("script") == 4  # the library, and one for each of the three plots
    assert "alert(1)" not in render_html(hostile).replace("&lt;script&gt;alert(1)&lt;/script&gt;", "")
    with bench.connection:
        insert_experiment(bench.connection, replace(hostile, experiment_id=9, request_key="hostile", requested_by=HOSTILE))
        page = render_comparison(bench.connection)
    assert "<script" not in page
    assert "\\[x](http" in page
    assert " [x](http" not in page


def test_without_anything_measured_the_pages_still_say_why(bench):
    made = run(bench, parameters={"logistic_regression": {"trees": 1}, "ridge": {"C": -1}})
    assert [row["measures"] for row in made.contenders] == [None, None]
    assert made.recommended is None
    page = bench.store.path(NAME).read_text()
    assert page.count("not measured: ") == 2
    assert "none could be measured" in page
    with pytest.raises(NoDefaultError, match="none could be measured"):
        choose(bench, made.experiment_id, recommended=True)
    with pytest.raises(NoDefaultError, match="ridge does not become the default: ridge refuses"):
        choose(bench, made.experiment_id, default="ridge")
    assert read_setting(bench.connection, "training_default") is None


@pytest.mark.parametrize(
    "fields, told",
    [
        ({"estimators": ()}, "at least one estimator"),
        ({"preprocessings": ()}, "at least one estimator"),
        ({"default": "ridge", "recommended": True}, "choose one of both"),
        ({"default": "mlp"}, "add it to the estimators"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_before_anything_is_fitted(bench, fields, told):
    with pytest.raises(NoDefaultError, match=told):
        run(bench, **fields)
    assert newest_experiment(bench.connection) is None


def test_without_a_dataset_there_is_nothing_to_compare_on(hr, store, settings, keys):
    with pytest.raises(UnknownDatasetError, match="run future_skills_retraining first"):
        run(Workbench(hr, store, keys, settings))
    assert "Nothing has been compared yet" in render_comparison(hr)


def trained(bench: Workbench, name: str, **fields):
    order = RetrainingOrder(origin="manual", run_id=name, **fields)
    dataset = fetch_value(bench.connection, "SELECT dataset_id FROM future_skills_ops.dataset LIMIT 1")
    return version_for(bench.connection, bench.store, bench.keys, bench.settings, order, dataset)


def test_a_version_can_be_trained_again_as_it_was(bench, caplog):
    caplog.set_level("INFO")
    first = trained(bench, "1", estimator="ridge", parameters={"C": 0.3}, preprocessing="onehot")
    again = trained(bench, "2", version=first.version)
    assert again.number == first.number + 1
    assert (again.estimator, again.parameters, again.preprocessing) == ("ridge", {"C": 0.3}, "onehot")
    assert f"The run names nothing; it repeats {first.version}." in caplog.text
    changed = trained(bench, "3", version=first.version, parameters={"C": 0.5})
    assert (changed.estimator, changed.parameters, changed.preprocessing) == ("ridge", {"C": 0.5}, "onehot")
    for order in (RetrainingOrder("manual", "4", version="v9"), RetrainingOrder("manual", "4", version="v9", only_evaluate=True)):
        with pytest.raises(UnknownVersionError, match="no model version 'v9'"):
            existing_dataset(bench.connection, order)
    assert existing_dataset(bench.connection, RetrainingOrder("manual", "4", version=first.version)) is None


def test_the_choice_is_what_trainings_use_until_it_is_forgotten(bench, caplog):
    caplog.set_level("INFO")
    made = run(bench, parameters={"ridge": {"C": 0.02}})
    assert choose(bench, made.experiment_id) == "The default of the next trainings stays as it is."
    assert trained(bench, "1").estimator == "logistic_regression"
    assert (
        "The run names nothing; the default is logistic_regression, target, core features (the configured default)" in caplog.text
    )

    assert "The next trainings use ridge, target, core features (chosen by ada after experiment 1)" in choose(
        bench, made.experiment_id, default="ridge"
    )
    for page in (bench.store.path(NAME).read_text(), render_registry(bench.connection)):
        assert "ridge, target, core features (chosen by ada after experiment 1)" in page
    by_default = trained(bench, "2")
    assert (by_default.estimator, by_default.preprocessing, by_default.parameters) == ("ridge", "target", {"C": 0.02})
    assert "the default is ridge, target, core features (chosen by ada after experiment 1)" in caplog.text
    assert trained(bench, "3", parameters={"C": 0.5}).parameters == {"C": 0.5}
    named = trained(bench, "4", estimator="lasso", preprocessing="onehot")
    assert (named.estimator, named.preprocessing, named.parameters) == ("lasso", "onehot", {})

    assert choose(bench, None, forget=True) == "The chosen default: forgotten; trainings use the configured one."
    assert choose(bench, None, forget=True) == "The chosen default: nothing to forget; trainings use the configured one."
    assert trained(bench, "5").estimator == "logistic_regression"
    assert "The next trainings use the configured default" in render_registry(bench.connection)


def test_the_recommended_one_becomes_the_default(bench):
    made = run(bench)
    choose(bench, made.experiment_id, recommended=True)
    chosen = training_default(bench.connection, bench.settings.training)
    assert chosen.estimator == made.recommended["estimator"]
    assert (chosen.set_by, chosen.experiment) == ("ada", 1)


def test_a_choice_is_replaced_by_the_next_and_hyperparameters_of_the_setting_stay_with_their_estimator(bench):
    configured = bench.settings.training.model_copy(update={"parameters": {"C": 3.0}})
    bench = replace(bench, settings=bench.settings.model_copy(update={"training": configured}))
    for number, name in enumerate(("lasso", "ridge"), start=1):
        with bench.connection:
            choose_default(bench.connection, TrainingDefault(name, "onehot", {}, "core", "ada", number))
    assert training_default(bench.connection, configured).estimator == "ridge"
    assert trained(bench, "1").parameters == {}
    assert trained(bench, "2", estimator="logistic_regression").parameters == {"C": 3.0}
    with bench.connection:
        assert forget_default(bench.connection)
    assert training_default(bench.connection, configured) == TrainingDefault("logistic_regression", "target", {"C": 3.0}, "core")


def test_a_ledger_made_before_experiments_is_migrated_with_its_rows(postgres):
    """A local state of an earlier revision starts again under this release."""
    with closing(connect(postgres)) as server:
        server.autocommit = True
        execute(server, "CREATE DATABASE earlier")
    with closing(connect(make_dsn(postgres, dbname="earlier"))) as connection:
        with connection:
            execute(connection, "CREATE SCHEMA future_skills_ops")
            execute(connection, read_sql("ledger"))
            execute(connection, "CREATE TABLE future_skills_ops.alembic_version (version_num varchar(32) PRIMARY KEY)")
            execute(connection, "INSERT INTO future_skills_ops.alembic_version VALUES ('0001')")
            write_setting(connection, "company", "acme")
        migrate_ledger(connection)
        require_ledger(connection)
        assert read_setting(connection, "company") == "acme"
        assert newest_experiment(connection) is None


def test_what_contradicts_itself_is_refused_in_words(bench):
    with pytest.raises(NoDefaultError, match="Either the chosen default is forgotten"):
        run(bench, forget=True, default="ridge")
    made = run(bench)
    with pytest.raises(NoDefaultError, match="lasso does not become the default: it was not compared"):
        choose(bench, made.experiment_id, estimators=("lasso",), default="lasso")


def test_the_installations_own_hyperparameters_are_what_is_compared(bench):
    training = bench.settings.training.model_copy(update={"parameters": {"C": 0.001}})
    configured = replace(bench, settings=bench.settings.model_copy(update={"training": training}))
    made = run(configured)
    assert [one["parameters"] for one in made.contenders] == [{"C": 0.001}, {}]
    named = run(configured, run_id="named", parameters={"logistic_regression": {"C": 0.5}})
    assert named.contenders[0]["parameters"] == {"C": 0.5}


def test_of_one_estimator_the_hr_application_comes_first_where_the_difference_is_noise(bench):
    made = run(bench, feature_sets=("core", "extended"))
    core, extended = (one for one in made.contenders if one["estimator"] == "ridge")

    def chosen(gap: float, error: float) -> str:
        core["measures"]["ap_high"]["value"] = extended["measures"]["ap_high"]["value"] - gap
        core["measures"]["behind_best"]["standard_error"] = error
        return _best_of([core, extended])["feature_set"]

    assert chosen(0.01, 0.02) == "core"
    assert chosen(0.03, 0.02) == "extended"


def test_plots_tell_the_feature_sets_apart(bench):
    made = run(bench, feature_sets=("core", "extended"))
    page = render_html(made)
    assert "ridge, target, core" in page
    assert "ridge, target, extended" in page
