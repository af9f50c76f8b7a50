"""Would a wrong sign in the gate be noticed? Each comparison is turned round, and moved by one step at its boundary."""

import ast
import copy
import functools
import types
from pathlib import Path

import pytest

from future_skills.model import gate
from support.gate_cases import CASES, SETTINGS, compared, evaluation

SOURCE = Path(gate.__file__).read_text(encoding="utf-8")
TURNED = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
MOVED = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
EITHER = {ast.And: ast.Or, ast.Or: ast.And}
WORDING = {"_in_words", "_rejected", "_promoted"}
"""Functions with comparisons that only choose words: there the summary may be what differs."""


def sites() -> list[tuple[int, int, type, str]]:
    """(number of the node, position of the operator, its replacement, what it is called) of every mutant."""
    functions = [node for node in ast.parse(SOURCE).body if isinstance(node, ast.FunctionDef)]
    found = []
    for number, node in enumerate(ast.walk(ast.parse(SOURCE))):
        operators = node.ops if isinstance(node, ast.Compare) else [node.op] if isinstance(node, ast.BoolOp) else []
        for position, operator in enumerate(operators):
            for table in (TURNED, MOVED, EITHER):
                if replacement := table.get(type(operator)):
                    inside = next((one.name for one in functions if one.lineno <= node.lineno <= one.end_lineno), "")
                    text = ast.unparse(node).replace("\n", " ")[:60]
                    name = f"{inside}:{text}:{position}:{type(operator).__name__}-{replacement.__name__}"
                    found.append((number, position, replacement, name))
    return found


def mutated(number: int, position: int, replacement: type) -> types.ModuleType:
    """The gate with that one operator replaced, as a module of its own."""
    tree = ast.parse(SOURCE)
    node = next(node for index, node in enumerate(ast.walk(tree)) if index == number)
    if isinstance(node, ast.Compare):
        node.ops[position] = replacement()
    else:
        node.op = replacement()
    module = types.ModuleType(gate.__name__)
    exec(compile(ast.fix_missing_locations(tree), gate.__file__, "exec"), module.__dict__)  # noqa: S102 - our own source
    return module


def answers(module: types.ModuleType, *, with_words: bool) -> list[object]:
    """What a gate says to every case; an exception is an answer too."""
    said: list[object] = []
    for case in CASES:
        try:
            judgement = module.judge(copy.deepcopy(case.metrics), case.thresholds, **case.asked())
            refresh = module.refresh_rule([check.to_dict() for check in judgement.checks], "v1")
        except Exception as error:
            said.append(type(error))
            continue
        failing = tuple((check.name, check.baseline) for check in judgement.checks if check.verdict == "fail")
        said.append((judgement.verdict, failing, refresh, judgement.summary if with_words else ""))
    return said


@functools.cache
def expected(with_words: bool) -> list[object]:
    return answers(gate, with_words=with_words)


@pytest.mark.parametrize("number, position, replacement", [site[:3] for site in sites()], ids=[site[3] for site in sites()])
def test_a_comparison_turned_round_or_moved_changes_an_answer(number, position, replacement, request):
    with_words = request.node.callspec.id.split(":")[0] in WORDING
    assert answers(mutated(number, position, replacement), with_words=with_words) != expected(with_words)


def test_the_gate_without_a_mutation_answers_the_same_and_there_is_something_to_mutate():
    module = types.ModuleType(gate.__name__)
    exec(compile(ast.parse(SOURCE), gate.__file__, "exec"), module.__dict__)  # noqa: S102 - our own source
    assert answers(module, with_words=True) == expected(with_words=True)
    assert len(sites()) > 30


@pytest.mark.parametrize(
    "path, metrics",
    [
        ("ap_high_over_base", evaluation(overall__ap_high__value=0.45)),
        ("macro_f1_over_majority", evaluation(overall__macro_f1__value=0.4)),
        ("refresh_margin", compared(-0.01, 0.1)),
        ("slice_minimum_rows", evaluation(slices__0__ap_high=0.01, slices__0__n=150)),
        ("slice_minimum_high", evaluation(slices__0__ap_high=0.01, slices__0__high=5)),
        ("slice_ap_high_over_base", evaluation(slices__0__ap_high=0.08)),
        ("minimum_high", evaluation(high=25)),
        ("insufficient_roles", evaluation(roles=12)),
    ],
)
def test_every_threshold_is_the_settings_own(path, metrics):
    """A threshold written into the code instead of read from the settings would answer the same under another setting."""
    other = {
        "ap_high_over_base": 5.0,
        "macro_f1_over_majority": 0.3,
        "refresh_margin": 0.005,
        "slice_minimum_rows": 100,
        "slice_minimum_high": 3,
        "slice_ap_high_over_base": 2.0,
        "minimum_high": 30,
        "insufficient_roles": 15,
    }
    asked = {"mode": "refresh", "has_champion": bool(metrics["comparison"]), "label_source": "hr_decision"}
    changed = SETTINGS.model_copy(update={path: other[path]})
    assert gate.judge(metrics, SETTINGS, **asked).verdict == "promote"
    assert gate.judge(metrics, changed, **asked).verdict != "promote"
