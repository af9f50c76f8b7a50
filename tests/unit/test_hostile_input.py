"""Hostile or broken input: a clear error that names file, line and column, or a setting; and nothing has changed."""

import csv
import gzip
import io
import resource
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from future_skills.config import Settings
from future_skills.database import execute, fetch_rows
from future_skills.hr import csv_rows
from future_skills.hr.company import InterchangeError, name_key
from future_skills.hr.demo import generate_company
from future_skills.hr.interchange import COLUMNS, OPTIONAL_COLUMNS, read_company
from future_skills.hr.loader import load_company
from future_skills.model.estimators import InvalidParametersError, build_estimator
from runtime.options import SETTINGS_ERRORS, in_words
from support.pipeline import run_chain
from support.prepared import quick_settings

VALID = {
    "job_roles": [{"name": "Baker", "department": "Kitchen", "description": "d"}, {"name": "Cook", "department": "Kitchen"}],
    "skills": [{"name": "Bread", "category": "Food", "description": "d"}, {"name": "Soup", "category": ""}],
    "market_trends": [{"title": "T", "source_name": "S", "year": "2025", "sector": "Food", "trend_score": "0.7"}],
    "economic_reports": [
        {"title": "R", "source_name": "S", "year": "2025", "indicator": "growth", "value": "1.5", "sector": "Kitchen"}
    ],
    "employees": [{"name": "Ann", "email": "a@example.com", "job_role": "Baker", "skills": "Bread|Soup"}],
    "investments": [
        {
            **{"job_role": "Baker", "skill": "Bread", "horizon_years": "5", "priority_level": "HIGH"},
            **{"recommended_action": "HIRING", "rationale": "r", "created_at": "2026-01-02"},
        }
    ],
}
FIELDS = {name: [*COLUMNS[name], *OPTIONAL_COLUMNS.get(name, {})] for name in COLUMNS}
CELLS = [(name, column) for name, columns in FIELDS.items() for column in columns]
TABLES = ("jobrole", "skill", "markettrend", "economicreport", "employee", "employee_skills", "hrinvestmentrecommendation")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)
NASTY = st.sampled_from(
    [
        *("NaN", "nan", "inf", "-Infinity", "1e999", "-1", "1_000", "99999999999999999999", "0x10", "٣", "1e-400", "+.5", "1e5"),
        *("\0", "a\0b", "'; DROP TABLE future_skills_jobrole; --", "%s %(x)s {}", '"', "a\nb", "a\r\nb", "\\N", "\\.", "\x02"),
        *("=cmd|' /C calc'!A0", "../../etc/passwd", "<script>alert(1)</script>", "\u202eevil", "\u200b", "\ufeff", "x" * 200_000),
        *(
            "9999-12-31",
            "0001-01-01",
            "2024-02-29",
            "2025-02-29",
            "2026-W01-1",
            "20260101",
            "",
            " ",
            "|",
            "||Bread|",
            "Bread|Nope",
        ),
    ]
)


def write_company(folder: Path, changed: dict[str, list[dict[str, str]]]) -> Path:
    """The valid company with other rows for some files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, columns in FIELDS.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="")
            writer.writeheader()
            writer.writerows({**VALID, **changed}[name])
    return folder


def stored(hr) -> list:
    return [fetch_rows(hr, f"SELECT t.*, xmin::text FROM future_skills_{table} t ORDER BY id") for table in TABLES]


@pytest.fixture
def loaded(hr, tmp_path):
    load_company(hr, read_company(write_company(tmp_path / "acme" / "first", {})))
    return hr


SHARED = hypothesis_settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True, database=None
)


@SHARED
@given(cell=st.sampled_from(CELLS), value=st.one_of(NASTY, TEXT))
def test_any_cell_is_taken_exactly_or_refused_by_line_and_column(loaded, tmp_path, cell, value):
    name, column = cell
    folder = write_company(tmp_path / "acme" / "next", {name: [{**VALID[name][0], column: value}, *VALID[name][1:]]})
    before = stored(loaded)
    try:
        company = read_company(folder)
    except InterchangeError as error:
        message = str(error)
        assert message.startswith(f"{folder}/")  # the file itself, or the one that refers to what was renamed
        assert ", line " in message
        assert ", column " in message or "field larger than field limit" in message
        assert len(message) < 1_000
        assert message.isprintable() or "�" in message
        assert column != "email" or not value.strip() or value not in message
        loaded.rollback()
        assert stored(loaded) == before
        return
    loaded.rollback()
    load_company(loaded, company)
    assert load_company(loaded, company).changed == 0


@SHARED
@given(
    name=st.sampled_from(list(FIELDS)), content=st.one_of(st.binary(max_size=2_000), TEXT.map(str.encode)), packed=st.booleans()
)
def test_any_file_is_refused_by_its_name(tmp_path, name, content, packed):
    folder = write_company(tmp_path / "acme" / "bytes", {})
    (folder / f"{name}.csv.gz").unlink(missing_ok=True)
    if packed:
        (folder / f"{name}.csv").unlink()
        (folder / f"{name}.csv.gz").write_bytes(content)
    else:
        (folder / f"{name}.csv").write_bytes(content)
    with pytest.raises(InterchangeError, match=rf"{name}\.csv"):
        read_company(folder)
    (folder / f"{name}.csv.gz").unlink(missing_ok=True)


@pytest.mark.parametrize(
    "content, told",
    [
        (b"name,category\nBread,Food\nSo\xffup,\n", r"skills\.csv, line 3: is not UTF-8 text"),
        ("name,category\nBread,Food\n".encode("utf-16"), r"skills\.csv, line 1: is not UTF-8 text"),
        (b'name,category\nBread,Food\n"Soup,\n', r"skills\.csv, line 3: cannot be read as CSV: unexpected end of data"),
        (b"name,category\nBread," + b"x" * 200_000 + b"\n", r"skills\.csv, line 2: cannot be read as CSV: field larger"),
    ],
)
def test_where_a_file_is_broken_is_told_to_the_line(tmp_path, content, told):
    folder = write_company(tmp_path / "acme" / "broken", {})
    (folder / "skills.csv").write_bytes(content)
    with pytest.raises(InterchangeError, match=told):
        read_company(folder)


def bomb(pattern: bytes, size: int) -> bytes:
    """A gzip file that unpacks to a multiple of its size."""
    packer = zlib.compressobj(9, wbits=31)
    block, out = pattern * (1_000_000 // len(pattern)), io.BytesIO()
    for _ in range(size // len(block)):
        out.write(packer.compress(block))
    return out.getvalue() + packer.flush()


def test_a_bomb_of_one_line_ends_before_it_is_unpacked(tmp_path):
    folder = write_company(tmp_path / "acme" / "bomb", {})
    (folder / "skills.csv").unlink()
    (folder / "skills.csv.gz").write_bytes(gzip.compress(b"name,category\n") + bomb(b"0", 400_000_000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InterchangeError, match=r"skills\.csv\.gz, line 2: is longer than 1 MiB"):
        read_company(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kilobytes


@pytest.mark.parametrize(
    "limit, value, told", [("LARGEST_FILE", 1 << 20, "unpacks to more than"), ("MOST_ROWS", 1_000, "more than 1,000 rows")]
)
def test_a_bomb_of_many_lines_ends_at_a_limit(tmp_path, monkeypatch, limit, value, told):
    monkeypatch.setattr(csv_rows, limit, value)
    folder = write_company(tmp_path / "acme" / "bomb", {})
    (folder / "skills.csv").unlink()
    (folder / "skills.csv.gz").write_bytes(gzip.compress(b"name,category\n") + bomb(b"a,b\n", 4_000_000))
    with pytest.raises(InterchangeError, match=told):
        read_company(folder)


@pytest.mark.parametrize(
    "one, two",
    [
        ("Café", "Cafe\u0301"),
        ("Ångström", "Å" + "ngström"),
        ("ﬁtter", "fitter"),
        ("Ｂａｋｅｒ", "baker"),
        ("Ba\u200bker", "Baker"),
        ("STRASSE", "Straße"),
    ],
)
def test_names_that_look_alike_are_one_name(tmp_path, one, two):
    assert name_key(one) == name_key(two)
    rows = [{"name": one, "category": ""}, {"name": two, "category": ""}, *VALID["skills"]]
    with pytest.raises(InterchangeError, match=r"skills\.csv, line 3, column name: .* stands on line 2 already"):
        read_company(write_company(tmp_path / "acme" / "alike", {"skills": rows}))


HOSTILE = (
    "'; DROP TABLE future_skills_jobrole; --",
    "%s %(horizon_years)s {stage} {}",
    'a "quoted", name\\',
    "line\nbreak\ttab\rreturn",
    "\\N",
    "\x02",
    "=HYPERLINK(1)",
    "<img src=x onerror=alert(1)>",
    "Ünïcödé \U0001f600 名前 \u202e",
    "NaN",
    "null",
    "x" * 150,
)


@pytest.mark.slow
def test_a_chain_survives_hostile_names_in_the_hr_database(hr, store, keys, tmp_path):
    load_company(hr, generate_company(roles=30, skills=60, decisions=600, employees=120))
    for number, name in enumerate(HOSTILE, 1):
        for table, group in (("jobrole", "department"), ("skill", "category")):
            execute(
                hr,
                f"UPDATE future_skills_{table} SET name = %s, {group} = %s WHERE id = %s",
                (name, name[:100] if number % 2 else None, number),
            )
    for number, current in enumerate(("{}", "null", '"text"', "[1, null, {}, [[]]]", '["\\u0002", "=1"]', "[]", "0"), 1):
        execute(hr, "UPDATE future_skills_employee SET current_skills = %s WHERE id = %s", (current, number))
    execute(hr, "UPDATE future_skills_hrinvestmentrecommendation SET rationale = '%%s {}' || chr(2) WHERE id %% 3 = 0", ())
    for value in ("NaN", "Infinity", "-Infinity"):
        execute(hr, "INSERT INTO future_skills_economicreport (title, source_name, year, indicator, value, sector, created_at)"
                    " VALUES ('t', 's', 2147483647, 'i', %s, 'IT', now())", (value,))  # fmt: skip
    hr.commit()
    chain = run_chain(hr, store, keys, quick_settings(store.root))
    assert chain.batch.counts["inserted"] == 30 * 60
    names = {row["name"] for row in fetch_rows(hr, "SELECT name FROM future_skills_jobrole")}
    assert set(HOSTILE) <= names
    again = run_chain(hr, store, keys, quick_settings(store.root))
    assert again.batch.counts["unchanged"] == 30 * 60


NUMBERS = st.sampled_from(
    ["nan", "NaN", "inf", "-inf", "1e999", "-1", "-0.0001", "", " ", "0", "1", "P-1D", "PT0S", "-PT1S", "{}", "[]", "null"]
)


def variables(model=Settings, prefix=""):
    for name, field in model.model_fields.items():
        if hasattr(field.annotation, "model_fields"):
            yield from variables(field.annotation, f"{name.upper()}__")
        else:
            yield prefix + name.upper()


def numbers(model):
    """Every number and duration of the settings."""
    for _, value in model:
        if hasattr(value, "model_fields"):
            yield from numbers(value)
        elif isinstance(value, (int, float)):
            yield value


@hypothesis_settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
@given(name=st.sampled_from(sorted(variables())), value=st.one_of(NUMBERS, TEXT.filter(lambda text: "\0" not in text)))
def test_any_setting_is_taken_or_refused_by_its_name_without_its_value(name, value):
    with pytest.MonkeyPatch.context() as patch:
        for other in variables():
            patch.delenv(other, raising=False)
        patch.setenv(name, value)
        try:
            taken = Settings()
        except SETTINGS_ERRORS as error:
            words = in_words(error)
            assert name.split("__")[0] in words.upper()
            assert len(value) < 12 or value not in words
            return
    assert all(number == number and abs(number) != float("inf") and number >= 0 for number in numbers(taken))  # noqa: PLR0124


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}])
def test_a_hyperparameter_that_the_ledger_cannot_keep_is_refused_before_anything_is_fitted(value):
    with pytest.raises(InvalidParametersError, match="no finite number"):
        build_estimator("logistic_regression", {"C": value}, random_state=1, threads=1)
