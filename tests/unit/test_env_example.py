"""`.env.example` says what the settings say."""

import re

import pytest

from future_skills.config import Settings
from runtime.env_example import PATH, render

LINES = re.findall(r"^# ([A-Z0-9_]+)=(.*)$", render(), flags=re.MULTILINE)


def test_the_file_is_the_one_the_settings_write():
    assert PATH.read_text(encoding="utf-8") == render(), "run make env-example"


@pytest.mark.parametrize(("name", "value"), LINES, ids=[name for name, _ in LINES])
def test_a_line_uncommented_as_it_stands_changes_nothing(monkeypatch, name, value):
    before = Settings()
    monkeypatch.setenv(name, value)
    assert Settings() == before


def test_every_setting_has_a_line_and_a_meaning():
    known = {name for name, _ in LINES}
    for name, field in Settings.model_fields.items():
        sections = getattr(field.annotation, "model_fields", {})
        for inner, inner_field in sections.items():
            assert f"{name}__{inner}".upper() in known
            assert inner_field.description
        assert sections or (name.upper() in known and field.description)
