"""What the README shows is what the tests run."""

import re
from pathlib import Path

import pytest
import yaml

from study.config.load import check
from study.vocabulary import FACTOR_NAMES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
GUIDE = (ROOT / "docs" / "GUIDE.md").read_text()


@pytest.mark.parametrize("query", sorted((ROOT / "tests/study/ledger/queries").iterdir()), ids=lambda path: path.name)
def test_the_queries_shown_are_the_ones_tested(query):
    assert query.read_text().strip() in README


def test_the_study_shown_reads():
    shown = README.split("```yaml\n")[1].split("```")[0]
    study = check(yaml.safe_load(shown), source="README.md", folder=ROOT)
    assert study.compared() == ["scratch", "spark", "moco_v2"]


def test_the_factors_shown_read():
    studies = [yaml.safe_load(page.split("```yaml\n")[1].split("```")[0]) for page in (README, GUIDE)]
    study = check(studies[0] | studies[1], source="README.md", folder=ROOT)
    assert study.adaptations["full"].label_noise == [0, 0.2] and study.adaptations["full"].imbalance == [None, 5]


@pytest.mark.parametrize("command", ["make quickstart", "make test", "make lint", "make test-slow", "make real-ct"])
def test_the_commands_shown_exist(command):
    assert command in README and f"\n{command.split()[1]}:" in (ROOT / "Makefile").read_text()


def test_the_figure_shown_is_there():
    assert (ROOT / "examples/quickstart.png").stat().st_size < 2**19


@pytest.mark.parametrize("query", sorted((ROOT / "tests/study/ledger/queries").iterdir()), ids=lambda path: path.name)
def test_the_queries_shown_ask_by_every_factor_of_the_vocabulary(query):
    words = re.findall(r"\w+", query.read_text())
    assert [word for word in dict.fromkeys(words) if word in FACTOR_NAMES] == ["task", "adaptation"] + [
        name for name in FACTOR_NAMES if name not in ("task", "adaptation")
    ]
