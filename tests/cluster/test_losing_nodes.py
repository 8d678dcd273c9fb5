"""A trial and a final run that lose their node three times each: that is not their fault, and they end as ever."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_runs_that_lose_their_nodes_again_and_again_are_completed(
    guarded_program: Callable[..., str], tmp_path: Path
) -> None:
    printed = guarded_program("losing_nodes.py", str(tmp_path))
    runs = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]  # Ray tells of the nodes
    assert [(run["status"], run["epochs"], run["error"]) for run in runs] == [("completed", 5, None)] * 2
    begun = Counter(path.name.split("-")[0] for path in tmp_path.iterdir())
    assert begun == {str(run["seed"]): 4 for run in runs}
