"""The shape the next reader relies on: which part may import which, and how long a module may be."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INCLUDE = ROOT / "include"
LAYERS = [
    {"config", "domain", "database", "dsn", "secret_files"},
    {"hr", "ledger", "store"},
    {"dataset"},
    {"model"},
    {"registry"},
    {"prediction", "drift"},
    {"alerts"},
]
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}
LONGEST_MODULE = 300
LONGEST_DAG = 130


def imported(path: Path, *, top_level_only: bool = False) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


@pytest.mark.parametrize("path", modules(INCLUDE / "future_skills"), ids=lambda path: str(path.relative_to(INCLUDE)))
def test_arrows_of_the_logic_point_one_way(path):
    own = path.relative_to(INCLUDE / "future_skills").parts[0].removesuffix(".py")
    names = imported(path)
    assert not {name for name in names if name.split(".")[0] in {"airflow", "orchestration", "dashboard", "runtime"}}
    parts = {name.split(".")[1] for name in names if name.startswith("future_skills.")}
    assert not {part for part in parts if LEVEL[part] > LEVEL.get(own, 0)}, f"{own} imports a part above it"


def test_every_part_has_its_place():
    parts = {path.name.removesuffix(".py") for path in (INCLUDE / "future_skills").iterdir()} - {"__init__", "__pycache__"}
    assert parts == set(LEVEL)


@pytest.mark.parametrize("path", modules(INCLUDE / "orchestration"), ids=lambda path: path.name)
def test_orchestration_knows_neither_dags_nor_the_local_runtime(path):
    assert not {name for name in imported(path) if name.split(".")[0] in {"dags", "runtime", "dashboard"}}


@pytest.mark.parametrize("path", modules(ROOT / "dags"), ids=lambda path: path.name)
def test_a_dag_file_is_wiring(path):
    heavy = {"pandas", "numpy", "sklearn", "evidently", "psycopg2", "future_skills", "joblib", "pandera"}
    assert not {name for name in imported(path, top_level_only=True) if name.split(".")[0] in heavy}
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_DAG


def test_no_module_is_too_long():
    long = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in modules(INCLUDE)}
    assert not {name: lines for name, lines in long.items() if lines > LONGEST_MODULE}
