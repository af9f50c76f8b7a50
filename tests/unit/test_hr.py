"""What somebody who loads a company relies on."""

import gzip
import shutil

import pytest

from future_skills.database import HRDatabaseDownError, connect, execute, fetch_rows, fetch_value
from future_skills.hr.company import InterchangeError
from future_skills.hr.demo import generate_company
from future_skills.hr.interchange import COLUMNS, read_company
from future_skills.hr.loader import load_company
from future_skills.hr.schema import HRTablesMissingError, create_hr_tables, require_hr_tables
from support.company import load_demo

SMALL = {
    "job_roles": "name,department\nBaker,Kitchen\nCook,Kitchen\n",
    "skills": "name,category\nBread,Food\nSoup,\n",
    "market_trends": "title,source_name,year,sector,trend_score\nT,S,2025,Food,0.7\n",
    "economic_reports": "title,source_name,year,indicator,value,sector\nR,S,2025,growth,1.5,Kitchen\n",
    "employees": "name,email,job_role,skills\nAnn,a@example.com,Baker,Bread|Soup\nBob,b@example.com,Cook,\n",
    "investments": "job_role,skill,horizon_years,priority_level,recommended_action,created_at\n"
    "Baker,Bread,5,HIGH,DO_NOT_INVEST,2026-01-02\nCook,Soup,5,LOW,TRAINING,2026-01-02\n",
}


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "acme" / "2026"
    folder.mkdir(parents=True)
    for name, content in SMALL.items():
        (folder / f"{name}.csv").write_text(content, encoding="utf-8")
    return folder


def everything(connection) -> list:
    tables = ["jobrole", "skill", "markettrend", "economicreport", "employee", "employee_skills", "hrinvestmentrecommendation"]
    return [fetch_rows(connection, f"SELECT t.*, xmin::text FROM future_skills_{name} t ORDER BY id") for name in tables]


def test_a_folder_is_loaded_and_loading_it_again_touches_no_row(hr, folder):
    first = load_company(hr, read_company(folder))
    assert first.actions_coerced == 1
    assert first.tables["employee_skills"].inserted == 2
    ann = fetch_rows(hr, "SELECT * FROM future_skills_employee ORDER BY email")[0]
    assert (ann["position"], ann["department"], ann["current_skills"]) == ("Baker", "Kitchen", ["Bread", "Soup"])
    hr.commit()
    before = everything(hr)
    assert load_company(hr, read_company(folder)).changed == 0
    assert everything(hr) == before


def test_what_is_absent_is_removed_but_never_a_role_or_skill(hr, folder):
    load_company(hr, read_company(folder))
    (folder / "job_roles.csv").write_text("name,department\nBaker,Bakery\n")
    (folder / "skills.csv").write_text("name,category\nBread,Food\n")
    (folder / "employees.csv").write_text("name,email,job_role,skills\nAnn,a@example.com,Baker,Bread\n")
    (folder / "investments.csv").write_text(
        "job_role,skill,horizon_years,priority_level,created_at\nBaker,Bread,5,MEDIUM,2026-02-02\n"
    )
    load_company(hr, read_company(folder))
    count = {name: fetch_value(hr, f"SELECT count(*) FROM future_skills_{name}") for name in ("jobrole", "skill", "employee")}
    assert count == {"jobrole": 2, "skill": 2, "employee": 1}
    assert fetch_value(hr, "SELECT department FROM future_skills_employee") == "Bakery"
    assert fetch_value(hr, "SELECT count(*) FROM future_skills_employee_skills") == 1
    decisions = fetch_rows(hr, "SELECT priority_level, recommended_action FROM future_skills_hrinvestmentrecommendation")
    assert decisions == [{"priority_level": "MEDIUM", "recommended_action": "TRAINING"}]


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("skills", "name\nBread\n", r"skills\.csv, line 1: column 'category' is missing"),
        (
            "market_trends",
            "title,source_name,year,sector,trend_score\nT,S,2025,F,1.7\n",
            r"line 2, column trend_score: is '1\.7'",
        ),
        ("market_trends", "title,source_name,year,sector,trend_score\nT,S,2025,F,nan\n", r"line 2, column trend_score: is 'nan'"),
        ("skills", "name,category\nBread,\n Soup,\nBREAD ,\n", r"line 4, column name: .* stands on line 2 already"),
        (
            "employees",
            "name,email,job_role,skills\nA,a@b,Pilot,\n",
            r"employees\.csv, line 2, column job_role: 'Pilot' is not in",
        ),
        (
            "employees",
            "name,email,job_role,skills\nA,a@b,Baker,Fishing\n",
            r"line 2, column skills: 'Fishing' is not in skills",
        ),
        ("employees", "name,email,job_role,skills\nA,nobody,Baker,\n", r"column email: is no e-mail address"),
        (
            "employees",
            "name,email,job_role,skills\nA,a@b,Baker,\nB,A@b,Baker,\n",
            "line 3, column email: the same stands on line 2",
        ),
        ("job_roles", "name,department\n" + "x" * 151 + ",\n", "has 151 characters, the HR database takes 150"),
        ("job_roles", "name,department\nBa\x00ker,\n", "control character"),
        ("job_roles", "name,department\nBaker\n", "line 2: 1 values, but the header has 2 columns"),
        ("job_roles", 'name,department\n"Ba\nker",K\nCook\n', "line 4: 1 values"),
        (
            "investments",
            "job_role,skill,horizon_years,priority_level,created_at\nBaker,Bread,5,CRITICAL,2026-01-01\n",
            "not LOW, MEDIUM or HIGH",
        ),
        ("investments", "job_role,skill,horizon_years,priority_level,created_at\nBaker,Bread,5,LOW,01/02/2026\n", "not a date"),
    ],
)
def test_a_bad_file_is_refused_with_file_line_column_and_reason(hr, folder, name, content, message):
    load_company(hr, read_company(folder))
    hr.commit()
    before = everything(hr)
    (folder / f"{name}.csv").write_text(content)
    with pytest.raises(InterchangeError, match=message):
        load_company(hr, read_company(folder))
    assert everything(hr) == before


def test_a_missing_file_a_wrong_encoding_and_a_damaged_archive_are_named(folder):
    (folder / "skills.csv").write_bytes("name,category\nBl\xe4tterteig,\n".encode("latin-1"))
    with pytest.raises(InterchangeError, match="not UTF-8"):
        read_company(folder)
    (folder / "skills.csv").unlink()
    with pytest.raises(InterchangeError, match=r"skills\.csv .* is missing"):
        read_company(folder)
    (folder / "skills.csv.gz").write_bytes(gzip.compress(SMALL["skills"].encode())[:-12])
    with pytest.raises(InterchangeError, match="cannot be read"):
        read_company(folder)
    shutil.rmtree(folder)
    with pytest.raises(InterchangeError, match="is no folder"):
        read_company(folder)


def test_the_demo_company_is_the_same_each_time_and_says_that_it_is_generated():
    one, two = generate_company(roles=20, skills=40, employees=50, decisions=300), None
    two = generate_company(roles=20, skills=40, employees=50, decisions=300)
    for name in COLUMNS:
        assert getattr(one, name).equals(getattr(two, name))
    assert one.employees["name"].str.endswith("(generated)").all()
    assert one.employees["email"].str.endswith("@example.com").all()
    assert one.market_trends["source_name"].str.startswith("Generated").all()
    assert one.job_roles["description"].str.startswith("Generated").all()
    shares = generate_company().investments["priority_level"].value_counts(normalize=True)
    assert 0.08 <= shares["HIGH"] <= 0.12
    assert 0.25 <= shares["MEDIUM"] <= 0.30


def test_the_demo_company_loads(hr):
    summary = load_demo(hr, roles=12, skills=30, employees=40, decisions=200)
    assert summary.tables["investments"].inserted == 200
    assert summary.actions_coerced == 0


def test_tables_that_are_missing_are_named(hr):
    execute(hr, "DROP TABLE future_skills_markettrend; ALTER TABLE future_skills_skill DROP COLUMN category")
    with pytest.raises(HRTablesMissingError, match=r"future_skills_markettrend, future_skills_skill\.category"):
        require_hr_tables(hr)
    hr.rollback()
    require_hr_tables(hr)


def test_the_tables_are_created_once(hr):
    indexes = "SELECT count(*) FROM pg_indexes WHERE tablename = 'future_skills_futureskillprediction'"
    assert fetch_value(hr, indexes) == 13
    create_hr_tables(hr)
    assert fetch_value(hr, indexes) == 13


def test_a_database_that_is_down_is_an_error_without_the_password():
    with pytest.raises(HRDatabaseDownError, match="cannot be reached") as error:
        connect("postgresql://someone:hidden-word@127.0.0.1:1/hr")
    assert "hidden-word" not in str(error.value)


def test_the_server_is_asked_to_notice_soon_that_we_are_gone(hr):
    asked = fetch_rows(hr, "SELECT name, source FROM pg_settings WHERE name LIKE 'tcp%'")
    assert {row["name"]: row["source"] for row in asked} == dict.fromkeys(
        ["tcp_keepalives_count", "tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_user_timeout"], "client"
    )
