"""What the README shows is what the tests run."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import yaml

from study.config.load import check
from study.vocabulary import FACTOR_NAMES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
GUIDE = (ROOT / "docs" / "GUIDE.md").read_text()
TOLERANCE = {"mean": 0.03, "low": 0.06, "high": 0.06}
spec = importlib.util.spec_from_file_location("figure", ROOT / "docs" / "quickstart.py")
figure = importlib.util.module_from_spec(spec)
spec.loader.exec_module(figure)


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


def test_the_numbers_under_the_figure_are_those_of_its_table():
    assert figure.caption(pl.read_csv(figure.TABLE)) in README, "run make figure"


def test_the_table_shows_curves_that_rise_and_a_gain_that_is_largest_with_the_fewest_labels():
    linear = pl.read_csv(figure.TABLE).filter(adaptation="linear").sort("n_labels")
    scratch, spark = (linear.filter(initialisation=name)["mean"] for name in ("scratch", "spark"))
    assert scratch.is_sorted() and spark.is_sorted() and len(scratch) == len(spark) >= 3
    gain = spark - scratch
    assert gain.min() > 0 and gain.arg_max() == 0


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_command_gives_the_table(tmp_path):
    """To within what another processor's rounding, carried through a pre-training, may change."""
    run = [sys.executable, "-m", "labelcurve", "run", "quickstart", "--results", str(tmp_path)]
    subprocess.run(run, check=True, cwd=ROOT)
    at = ["adaptation", "initialisation", "size_value", "n_labels", "n_patients"]
    both = pl.read_csv(figure.TABLE).join(figure.curves(tmp_path / "quickstart"), on=at, how="full", suffix="_now")
    for column in ("mean", "low", "high"):
        assert (both[column] - both[f"{column}_now"]).abs().max() < TOLERANCE[column], both
    assert both.null_count().sum_horizontal().item() == 0


@pytest.mark.parametrize("query", sorted((ROOT / "tests/study/ledger/queries").iterdir()), ids=lambda path: path.name)
def test_the_queries_shown_ask_by_every_factor_of_the_vocabulary(query):
    words = re.findall(r"\w+", query.read_text())
    assert [word for word in dict.fromkeys(words) if word in FACTOR_NAMES] == ["task", "adaptation"] + [
        name for name in FACTOR_NAMES if name not in ("task", "adaptation")
    ]
