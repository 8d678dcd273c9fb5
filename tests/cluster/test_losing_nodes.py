"""A trial and a final run that lose their node three times each: that is not their fault, and they end as ever."""

import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_runs_that_lose_their_nodes_again_and_again_are_completed(tmp_path: Path) -> None:
    guarded = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_USAGE_STATS_ENABLED": "0"}
    loopback = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    with tempfile.TemporaryDirectory(prefix="lc-losing-", dir="/tmp", ignore_cleanup_errors=True) as sessions:
        done = subprocess.run(
            [sys.executable, str(ROOT / "tests" / "cluster" / "losing_nodes.py"), str(tmp_path)],
            env={**os.environ, **guarded, **loopback, "PYTHONPATH": str(ROOT), "RAY_TMPDIR": sessions},
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    runs = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]  # Ray tells of the nodes
    assert [(run["status"], run["epochs"], run["error"]) for run in runs] == [("completed", 5, None)] * 2
    begun = Counter(path.name.split("-")[0] for path in tmp_path.iterdir())
    assert begun == {str(run["seed"]): 4 for run in runs}
