"""The vocabulary is the one place where factors, metrics and statuses are listed."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from study.ledger import TABLES
from study.vocabulary import (
    DEFAULT_FACTORS,
    FACTOR_NAMES,
    HYPERPARAMETERS,
    METRIC_NAMES,
    STATUSES,
    encoder_name,
    position,
)
from trainables.scoring import metrics

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(path for top in ("study", "trainables", "analysis", "cluster") for path in (ROOT / top).rglob("*.py"))
WORDS = {"factors": set(FACTOR_NAMES), "metrics": {*METRIC_NAMES, "loss"}, "statuses": set(STATUSES)}


def collections(tree: ast.AST) -> Iterator[tuple[int, set[str]]]:
    """Line and strings of every list, tuple, set and of every dict's keys."""
    for node in ast.walk(tree):
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            elements: list[ast.expr | None] = [*node.elts]
        elif isinstance(node, ast.Dict):
            elements = [*node.keys]
        else:
            continue
        yield node.lineno, {e.value for e in elements if isinstance(e, ast.Constant) and isinstance(e.value, str)}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_but_the_vocabulary_lists_its_words(path: Path) -> None:
    if path == ROOT / "study" / "vocabulary.py":
        return
    found = [
        f"line {line}: {kind} {sorted(strings & words)}"
        for line, strings in collections(ast.parse(path.read_text(encoding="utf-8")))
        for kind, words in WORDS.items()
        if len(strings & words) > 1
    ]
    assert not found


def test_the_rule_sees_a_list() -> None:
    assert [names for _, names in collections(ast.parse('a = ("auc", "brier"); b = {"auc": 1}'))] == [
        {"auc", "brier"},
        {"auc"},
    ]


def test_every_factor_and_hyperparameter_has_its_column_in_trials_and_finals() -> None:
    for table in ("trials", "finals"):
        assert {*FACTOR_NAMES, *(f"hp_{name}" for name in HYPERPARAMETERS)} <= {*TABLES[table].names}


@pytest.mark.parametrize("name", METRIC_NAMES)
def test_every_metric_is_a_function_of_labels_and_probabilities(name: str) -> None:
    assert metrics.get(name).__name__ == name and metrics.get(name).__doc__


def test_a_position_leaves_defaults_out_and_refuses_what_is_no_factor() -> None:
    assert position(task="a", fold=None, imbalance=2.0, **{"label_noise": 0.0}) == {"task": "a", "imbalance": 2.0}
    assert position(**DEFAULT_FACTORS) == {}
    with pytest.raises(TypeError, match="noise is no factor"):
        position(task="a", noise=0.1)


def test_an_encoder_has_one_name() -> None:
    assert encoder_name("spark", 2) == "spark-2"
