"""Ray Train workers on two nodes pre-train one encoder together."""

import json
import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("method", ["spark", "moco_v2"])
def test_two_workers_on_two_nodes_pre_train_together(method: str, tmp_path: Path) -> None:
    guarded = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_USAGE_STATS_ENABLED": "0"}
    loopback = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    with tempfile.TemporaryDirectory(prefix="lc-nodes-", dir="/tmp", ignore_cleanup_errors=True) as sessions:
        done = subprocess.run(
            [sys.executable, str(ROOT / "tests" / "cluster" / "two_nodes.py"), method, str(tmp_path)],
            env={**os.environ, **guarded, **loopback, "PYTHONPATH": str(ROOT), "RAY_TMPDIR": sessions},
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    met = json.loads(done.stdout.splitlines()[-1])
    assert len(set(met["nodes"])) == 2
    assert met["exported"]
    assert [row["images"] for row in met["history"]] == [8, 16, 24]
    # SparK's loss starts near its trivial value, MoCo's queue is empty at its first step.
    assert all(0 <= row["loss"] < 10 for row in met["history"])
