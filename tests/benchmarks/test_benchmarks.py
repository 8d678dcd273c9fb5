"""Each benchmark runs to its end at its smallest size and prints a ratio or a table: they keep up with the code."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kills.driver_processes import ROOT

ONCE = "import tests.benchmarks.{0} as benchmark; benchmark.ROUNDS = 1; benchmark.main()"
SMALLEST = {
    "commits": ["-m", "tests.benchmarks.commits", "40"],
    "feeding": ["-c", ONCE.format("feeding")],
    "notebook_style": "-m tests.benchmarks.notebook_style --trials 1 --train 16 --val 8 --epochs 2 --rounds 1".split(),
    "planning": ["-m", "tests.benchmarks.planning", "1000"],
    "pruning": "-m tests.benchmarks.pruning --trials 2 --rounds 1 --epochs 2 --backbone test_resnet".split(),
    "spark": ["-c", ONCE.format("spark")],
    "status": ["-m", "tests.benchmarks.status", "10000", "100"],
    "tables": ["-m", "tests.benchmarks.tables", "10000", "100000", "1"],
    "steps": ["-c", ONCE.format("steps")],
    "trials": ["-m", "tests.benchmarks.trials", "2"],
    "views": ["-c", ONCE.format("views")],
}


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", SMALLEST)
def test_a_benchmark_runs_to_its_end(name):
    done = subprocess.run([sys.executable, *SMALLEST[name]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.search(r"\d+\.\d", done.stdout), done.stdout


def test_every_benchmark_is_run():
    programs = set(ROOT.glob("tests/benchmarks/*.py")) - {Path(__file__)}
    assert {path.stem for path in programs if "if __name__" in path.read_text()} == set(SMALLEST)
