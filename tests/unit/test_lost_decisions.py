"""HR's decisions that the HR application overwrites: they are told apart, counted, and whoever can stop it reads of it."""

import re
from collections.abc import Iterator
from datetime import date

import pytest

from future_skills.alerts.data_refusals import audit_alarm, dataset_refused, gate_rejection
from future_skills.config import PredictionSettings
from future_skills.database import execute, fetch_value
from future_skills.dataset.lost_decisions import LostDecisions, ShownPredictions, lost_since_training, shown_predictions
from future_skills.dataset.validation import DatasetRejectedError
from future_skills.domain import SIGNATURE
from future_skills.prediction.audit import AuditFailedError
from support.company import load_demo
from support.hr_application import PREDICTIONS, RECOMMENDATIONS, generate_recommendations, recalculate
from support.mails import ADDRESSES, LOST, SHIFT, SHOWN, evaluation, failed_audit, refused_dataset
from support.pipeline import Workbench
from support.prepared import Prepared, copied, prepared, published
from support.snapshots import exported

SIZES = {"roles": 30, "skills": 60, "decisions": 600, "employees": 120}
EVERYBODY = {"ds@example.com", "drh@example.com", "drh2@example.com", "ops@example.com"}


@pytest.fixture
def company(hr):
    load_demo(hr, **SIZES)
    return hr


@pytest.fixture(scope="module")
def _published(hr_template, tmp_path_factory) -> Prepared:
    return prepared(hr_template, "hr_template", tmp_path_factory.mktemp("lost"), "published", published)


@pytest.fixture
def bench(_published, tmp_path) -> Iterator[Workbench]:
    with copied(_published, tmp_path / "bench") as bench:
        yield bench


@pytest.fixture
def addressed(settings):
    return settings.model_copy(update={"mail": ADDRESSES})


def words(mail):
    """The text of a mail, without its line breaks."""
    return re.sub(r"[ \n]+", " ", mail.text)


def change(connection, statement, parameters=None):
    execute(connection, statement, parameters)
    connection.commit()


ECHOES = {
    "ours": f"Strong need{SIGNATURE}",
    "the rules'": "Prédiction basée sur les tendances marché (score=0.90), l'utilisation interne estimée (score=0.40)",
    "a model's": "ML prediction based on 5-year horizon",
    "of its score": "Basée sur un score de 87.5 et un niveau HIGH, il est recommandé de HIRING pour Python à horizon 5 ans.",
    "of a whole score": "Basée sur un score de 100 et un niveau MEDIUM, il est recommandé de TRAINING pour É à horizon 10 ans.",
}
DECISIONS = {
    "none": None,
    "empty": "",
    "of one's own": "Basée sur un score de satisfaction élevé, la formation est prioritaire.",
    "on a prediction": "D'accord avec la prédiction. Basée sur un score de 87.5 et un niveau HIGH, il est recommandé de HIRING",
}


@pytest.mark.parametrize("rationale", ECHOES.values(), ids=ECHOES)
def test_every_wording_of_the_application_is_an_echo(company, store, settings, rationale):
    change(company, f"UPDATE {RECOMMENDATIONS} SET rationale = %s WHERE id <= 40", (rationale,))
    row = exported(company, store, settings)
    assert (row.decided_rows, row.manifest["left_out"]["echoes"]) == (560, 40)


@pytest.mark.parametrize("rationale", DECISIONS.values(), ids=DECISIONS)
def test_what_a_person_wrote_is_a_decision(company, store, settings, rationale):
    change(company, f"UPDATE {RECOMMENDATIONS} SET rationale = %s WHERE id <= 40", (rationale,))
    row = exported(company, store, settings)
    assert (row.decided_rows, row.manifest["left_out"]["echoes"]) == (600, 0)


def test_the_generator_on_predictions_without_a_rationale_leaves_echoes(company, store, settings):
    change(
        company,
        f"INSERT INTO {PREDICTIONS} (job_role_id, skill_id, horizon_years, score, level, created_at)"
        f" SELECT job_role_id, skill_id, horizon_years, 87.5, 'HIGH', now() FROM {RECOMMENDATIONS} WHERE id <= 40",
    )
    assert generate_recommendations(company) == 40
    said = fetch_value(company, f"SELECT min(rationale) FROM {RECOMMENDATIONS} WHERE id <= 40")
    assert said.startswith("Basée sur un score de 87.5 et un niveau HIGH, il est recommandé de ")
    row = exported(company, store, settings)
    assert (row.decided_rows, row.manifest["left_out"]["echoes"]) == (560, 40)


def overwrite(connection, count):
    change(connection, f"UPDATE {RECOMMENDATIONS} SET rationale = %s WHERE id <= %s", (f"Need{SIGNATURE}", count))


def test_a_refused_dataset_says_how_many_decisions_became_echoes(company, store, settings):
    first = exported(company, store, settings)
    overwrite(company, 400)
    # echoes on pairs that HR never decided, and a decision that was deleted, are not decisions that became echoes
    change(
        company,
        f"INSERT INTO {RECOMMENDATIONS} (job_role_id, skill_id, horizon_years, priority_level, recommended_action, rationale,"
        " created_at) SELECT role.id, skill.id, 7, 'HIGH', 'HIRING', 'ML prediction based on 7-year horizon', '2026-01-01Z'"
        " FROM future_skills_jobrole AS role, future_skills_skill AS skill WHERE role.id <= 5",
    )
    change(company, f"DELETE FROM {RECOMMENDATIONS} WHERE id = 600")
    with pytest.raises(DatasetRejectedError) as refused:
        exported(company, store, settings)
    assert refused.value.lost == LostDecisions(first.dataset_id, before=600, now=199, echoes=400)
    assert refused.value.shown == ShownPredictions(0, 0, 0)
    assert "decisions fell from 600 to 199" in str(refused.value)
    assert f"400 of the 600 decisions of dataset {first.dataset_id} are echoes now" in str(refused.value)


def test_decisions_that_were_deleted_are_not_said_to_be_echoes(company, store, settings):
    exported(company, store, settings)
    change(company, f"DELETE FROM {RECOMMENDATIONS} WHERE id <= 400")
    with pytest.raises(DatasetRejectedError, match=r"None of the 600 decisions .* became an echo"):
        exported(company, store, settings)


def test_a_dataset_of_an_earlier_day_has_lost_nothing(company, store, settings):
    exported(company, store, settings)
    change(company, f"UPDATE {RECOMMENDATIONS} SET created_at = '2026-11-20Z' WHERE id <= 500")
    exported(company, store, settings)
    with pytest.raises(DatasetRejectedError, match="decisions fell") as refused:
        exported(company, store, settings, date(2026, 11, 1))
    assert refused.value.lost is None


def test_a_refusal_for_another_reason_says_nothing_of_decisions(company, store, settings):
    exported(company, store, settings)
    change(company, "TRUNCATE future_skills_employee, future_skills_employee_skills")
    with pytest.raises(DatasetRejectedError, match="employees fell") as refused:
        exported(company, store, settings)
    assert refused.value.lost is None
    assert "echo" not in str(refused.value)


def test_without_the_earlier_datasets_files_the_manifests_tell(company, store, settings):
    first = exported(company, store, settings)
    store.path(f"datasets/{first.dataset_id}/snapshot/decisions.csv").unlink()
    overwrite(company, 400)
    with pytest.raises(DatasetRejectedError, match="400 of the 600 decisions"):
        exported(company, store, settings)


def test_what_the_application_shows_is_counted(bench):
    rows = 30 * 60
    assert shown_predictions(bench.connection, 5) == ShownPredictions(rows, 0, 0)
    overwritten = recalculate(bench.connection, every=3)
    change(bench.connection, f"UPDATE {PREDICTIONS} SET explanation = NULL WHERE id % 3 = 1")
    others = fetch_value(bench.connection, f"SELECT count(*) FROM {PREDICTIONS} WHERE explanation IS NULL")
    assert shown_predictions(bench.connection, 5) == ShownPredictions(rows - overwritten - others, overwritten, others)
    assert shown_predictions(bench.connection, 3) == ShownPredictions(0, 0, 0)


def strict(bench: Workbench) -> Workbench:
    """Any shift of a level's share fails the audit."""
    settings = bench.settings.model_copy(update={"prediction": PredictionSettings(largest_level_shift=0.0)})
    return Workbench(bench.connection, bench.store, bench.keys, settings)


def test_an_audit_says_how_many_decisions_became_echoes_and_what_hr_sees(bench, addressed):
    before = bench.export().manifest["counts"]["decisions"]
    recalculate(bench.connection, every=2, high_from=80)
    generate_recommendations(bench.connection)
    echoes = fetch_value(
        bench.connection, f"SELECT count(*) FROM {RECOMMENDATIONS} WHERE id <= %s AND rationale LIKE 'Prédiction%%'", (before,)
    ) + fetch_value(
        bench.connection,
        f"SELECT count(*) FROM {RECOMMENDATIONS} WHERE id <= %s AND rationale LIKE %s",
        (before, f"%{SIGNATURE}"),
    )
    assert 0 < echoes < before / 2
    bench.export()
    with pytest.raises(AuditFailedError) as failed:
        strict(bench).predict()
    lost = failed.value.lost
    assert (lost.before, lost.now, lost.echoes) == (before, before - echoes, echoes)
    assert failed.value.shown.overwritten > 0
    assert f"{echoes} of the {before} decisions" in str(failed.value)
    assert f"has overwritten {failed.value.shown.overwritten} of our 1800 published predictions" in str(failed.value)
    mails = audit_alarm(addressed, failed.value)
    assert {mail.recipient for mail in mails} == EVERYBODY


def test_a_version_that_fails_the_gate_is_compared_with_what_the_champion_learned_from(bench):
    before = bench.export().manifest["counts"]["decisions"]
    overwrite(bench.connection, 100)
    later = bench.evaluate(bench.train(bench.export()))
    assert later.champion_version == "v1"
    lost = lost_since_training(bench.connection, bench.store, later)
    assert (lost.before, lost.now, lost.echoes) == (before, before - 100, 100)


def test_hr_data_scientists_and_devops_read_of_decisions_that_became_echoes(addressed):
    refused = dataset_refused(addressed, refused_dataset())
    assert {mail.recipient for mail in refused} == EVERYBODY
    lost = LOST
    failed = failed_audit(SHIFT, lost=lost, shown=SHOWN)
    for mail in (refused[0], audit_alarm(addressed, failed)[0], gate_rejection(addressed, evaluation(), lost)[0]):
        assert "HR's decisions fell from 1,504 (dataset dataset-a) to 378. 1,126 of them became echoes" in words(mail)
        assert "let nobody recalculate predictions or generate recommendations" in words(mail)
        assert "PREDICTION__LARGEST_LEVEL_SHIFT" not in words(mail)
        assert "published last" not in words(mail).split("What it means")[1]
    for mail in (refused[0], audit_alarm(addressed, failed)[0]):
        assert "it has overwritten 600 of our 1,800 predictions" in words(mail)
    for mails in (audit_alarm(addressed, failed), gate_rejection(addressed, evaluation(), lost)):
        assert {mail.recipient for mail in mails} == EVERYBODY
    french = addressed.model_copy(update={"future_skills_language": "fr"})
    (mail, *_) = dataset_refused(french, refused_dataset())
    assert "1\u202f126 d'entre elles sont devenues des échos" in words(mail)
    assert "elle a remplacé 600 de nos 1\u202f800 prédictions" in words(mail)


def test_a_refusal_with_as_many_decisions_as_before_is_no_mail_to_hr(addressed):
    assert dataset_refused(addressed, refused_dataset(lost=None)) == []
    (mail,) = audit_alarm(addressed, failed_audit(SHIFT))
    assert mail.recipient == "ds@example.com"
    assert "still shows the 1,800 predictions that were published last" in words(mail)
    assert "echo" not in words(mail)
