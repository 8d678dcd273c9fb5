"""Programs of the tests that start Ray clusters of several nodes."""

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


@pytest.fixture
def guarded_program() -> Callable[..., str]:
    """Runs a program of this folder, its clusters guarded and on loopback alone; what it printed.

    A process of its own, since Ray reads when it is imported how its clusters are guarded.
    """

    def run(name: str, *arguments: str) -> str:
        guarded = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_USAGE_STATS_ENABLED": "0"}
        loopback = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "PYTHONPATH": str(HERE.parents[1])}
        with tempfile.TemporaryDirectory(prefix="lc-nodes-", dir="/tmp", ignore_cleanup_errors=True) as sessions:
            done = subprocess.run(
                [sys.executable, str(HERE / name), *arguments],
                env={**os.environ, **guarded, **loopback, "RAY_TMPDIR": sessions},
                capture_output=True,
                text=True,
            )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
