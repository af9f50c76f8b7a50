"""The pointer for the HR application is written where an operator asks for it; where an earlier version wrote one, it is kept."""

import pytest

from future_skills.alerts.mail import Mail
from future_skills.alerts.messages import deployment_notice, pointer_warning
from future_skills.alerts.outbox import enqueue
from future_skills.ledger.versions import champion
from future_skills.registry.page import NAME
from future_skills.registry.pointer import COPY, POINTER, named_version, pointer_in_words, pointer_use
from future_skills.registry.reconciliation import set_pointer_right
from support.mails import ADDRESSES
from support.pipeline import Workbench
from support.registry import deployed, under


def files(bench: Workbench) -> list[str]:
    return [name for name in (POINTER, COPY) if bench.store.path(name).exists()]


def words(mail: Mail) -> str:
    """The text of a mail without its line breaks."""
    return " ".join(mail.text.split())


def watched(bench: Workbench) -> str | None:
    return set_pointer_right(bench.connection, bench.store, bench.keys, bench.settings)


@pytest.mark.parametrize("setting", [None, "off"])
def test_a_new_installation_has_none(bench, setting):
    bench = under(bench, hr_pointer=setting)
    for number in (1, 2):
        deployed(bench, number)
        assert watched(bench) is None
    bench.deploy("v1", kind="rollback")
    assert champion(bench.connection).version == "v1"
    assert watched(bench) is None
    assert files(bench) == []
    assert pointer_use(bench.store, bench.settings) == "none"
    assert pointer_in_words("none", None) is None
    assert POINTER not in bench.store.path(NAME).read_text()


def test_one_that_is_there_is_kept_and_follows(bench):
    deployed(under(bench, hr_pointer="on"), 1)
    kept = under(bench, hr_pointer=None)
    use = pointer_use(kept.store, kept.settings)
    assert use == "kept"
    assert "names v1 and follows each deployment" in pointer_in_words(use, named_version(kept.store))
    deployed(kept, 2)
    assert named_version(kept.store) == "v2"
    kept.deploy("v1", kind="rollback")
    assert named_version(kept.store) == "v1"
    bench.store.path(COPY).write_bytes(b"half a model")
    assert "was not of v1" in watched(kept)
    assert "`future_skills_model.env` names v1" in bench.store.path(NAME).read_text()


def test_one_that_was_removed_does_not_come_back_by_itself(bench):
    deployed(under(bench, hr_pointer="on"), 1)
    for name in files(bench):
        bench.store.path(name).unlink()
    unset = under(bench, hr_pointer=None)
    assert watched(unset) is None
    deployed(unset, 2)
    assert files(bench) == []
    assert "was not of v2" in watched(under(bench, hr_pointer="on"))
    assert files(bench) == [POINTER, COPY]


@pytest.mark.parametrize("removed", [POINTER, COPY])
def test_one_of_the_two_files_does_not_bring_back_the_other(bench, removed):
    deployed(under(bench, hr_pointer="on"), 1)
    bench.store.path(removed).unlink()
    unset = under(bench, hr_pointer=None)
    assert pointer_use(unset.store, unset.settings) == "left behind"
    assert watched(unset) is None
    deployed(unset, 2)
    assert removed not in files(bench)


def test_off_leaves_what_is_there_as_it_is(bench):
    deployed(under(bench, hr_pointer="on"), 1)
    off = under(bench, hr_pointer="off")
    deployed(off, 2)
    assert watched(off) is None
    assert named_version(off.store) == "v1"
    use = pointer_use(off.store, off.settings)
    assert use == "left behind"
    told = pointer_in_words(use, named_version(off.store))
    assert "names v1 and no longer follows deployments" in told
    assert "by hand" in told
    assert "set HR_POINTER" not in told  # it is set


def test_the_hook_runs_after_a_deployment_with_a_pointer_or_without(bench, tmp_path):
    told = tmp_path / "told"
    hook = f"sh -c 'echo $FUTURE_SKILLS_MODEL_VERSION >> {told}'"
    deployed(under(bench, hr_pointer="off", deploy_hook=hook), 1)
    deployed(under(bench, hr_pointer=None, deploy_hook=hook), 2)
    assert files(bench) == []
    assert told.read_text() == "v1\nv2\n"


def test_devops_is_told_of_a_pointer_once_however_often_the_watch_looks(bench):
    deployed(under(bench, hr_pointer="on"), 1)
    kept, off = (under(bench, hr_pointer=setting, mail=ADDRESSES) for setting in (None, "off"))

    def new_mails(seen: Workbench) -> int:
        use, named = pointer_use(seen.store, seen.settings), named_version(seen.store)
        return enqueue(seen.connection, pointer_warning(seen.settings, use, named))

    assert [new_mails(kept), new_mails(kept)] == [1, 0]
    deployed(kept, 2)  # it names another version now, which is no news
    assert new_mails(kept) == 0
    assert [new_mails(off), new_mails(off)] == [1, 0]


def test_devops_is_warned_once_in_each_state_and_never_where_it_was_asked_for(bench):
    settings = bench.settings.model_copy(update={"mail": ADDRESSES})
    assert pointer_warning(settings, "none", None) == pointer_warning(settings, "written", "v1") == []
    (kept,), (behind,) = (pointer_warning(settings, use, "v1") for use in ("kept", "left behind"))
    assert (kept.recipient, kept.cause) == ("ops@example.com", "hr_pointer")
    assert kept.period != behind.period
    assert pointer_warning(settings, "kept", "v2")[0].message_id == kept.message_id
    for mail in (kept, behind):
        assert "v1" in words(mail)
        assert "overwrites decisions of HR" in words(mail)
    assert "Set HR_POINTER=off here" in words(kept)
    assert "Set HR_POINTER=off" not in words(behind)
    french = settings.model_copy(update={"future_skills_language": "fr"})
    assert "écrase ensuite des décisions des RH" in words(pointer_warning(french, "kept", None)[0])


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_notice_of_a_deployment_speaks_of_a_pointer_only_where_there_is_one(bench, language):
    settings = bench.settings.model_copy(update={"mail": ADDRESSES, "future_skills_language": language})
    (without,) = deployment_notice(settings, "v3", "deploy", "olga", 12, pointer=None)
    assert POINTER not in without.text
    assert {"en": "needs to load no model", "fr": "n'a besoin de charger aucun modèle"}[language] in words(without)
    (with_one,) = deployment_notice(settings, "v3", "deploy", "olga", 12, pointer="v3")
    assert {"en": f"{POINTER} names v3.", "fr": f"{POINTER} désigne v3."}[language] in words(with_one)
    restart = {"en": "restart it", "fr": "redémarrez-la"}[language]
    assert restart in words(with_one)
    (with_another,) = deployment_notice(settings, "v3", "deploy", "olga", 12, pointer="v1")
    assert {"en": f"{POINTER} names v1, not v3.", "fr": f"{POINTER} désigne v1 et non v3."}[language] in words(with_another)
    assert restart not in words(with_another)
