"""Ray Train workers on two nodes train together."""

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
def test_two_workers_on_two_nodes_average_their_gradients(tmp_path: Path) -> None:
    guarded = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_USAGE_STATS_ENABLED": "0"}
    loopback = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    with tempfile.TemporaryDirectory(prefix="lc-nodes-", dir="/tmp", ignore_cleanup_errors=True) as sessions:
        done = subprocess.run(
            [sys.executable, str(ROOT / "tests" / "cluster" / "two_nodes.py"), str(tmp_path)],
            env={**os.environ, **guarded, **loopback, "PYTHONPATH": str(ROOT), "RAY_TMPDIR": sessions},
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    met = json.loads(done.stdout.splitlines()[-1])
    assert met["gradient"] == 1.5
    assert len(set(met["nodes"])) == 2
