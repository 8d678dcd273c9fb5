"""Ray Train workers on two nodes pre-train one encoder together."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("method", ["spark", "moco_v2"])
def test_two_workers_on_two_nodes_pre_train_together(
    method: str, guarded_program: Callable[..., str], tmp_path: Path
) -> None:
    met = json.loads(guarded_program("two_nodes.py", method, str(tmp_path)).splitlines()[-1])
    assert len(set(met["nodes"])) == 2
    assert met["exported"]
    assert [row["images"] for row in met["history"]] == [8, 16, 24]
    # SparK's loss starts near its trivial value, MoCo's queue is empty at its first step.
    assert all(0 <= row["loss"] < 10 for row in met["history"])
