"""On a cluster of its own, a submitted study ends in the results of a local run."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except urllib.error.HTTPError:
        return True  # it asks for the token: it is there
    except OSError:
        return False
    return True


@pytest.fixture
def head() -> Iterator[tuple[str, dict[str, str]]]:
    """A head node with two CPUs, guarded by a token: the address of its jobs, and the environment to speak to it."""
    folder = Path(tempfile.mkdtemp(prefix="lc-head-", dir="/tmp"))
    environment = {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
    }
    dashboard = free_port()
    ports = {"port": free_port(), "dashboard-port": dashboard, "ray-client-server-port": free_port()}
    process = subprocess.Popen(
        [
            *(BIN / "ray", "start", "--head", "--block", "--num-cpus=2", "--disable-usage-stats"),
            *("--dashboard-host=127.0.0.1", "--dashboard-agent-listen-port=0", f"--temp-dir={folder}"),
            *(f"--{name}={port}" for name, port in ports.items()),
        ],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        address = f"http://127.0.0.1:{dashboard}"
        deadline = time.monotonic() + 60
        while not answers(f"{address}/api/version"):
            assert process.poll() is None and time.monotonic() < deadline, "the head node did not start"
            time.sleep(0.5)
        yield address, environment
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def table(results: Path, name: str, columns: list[str]) -> pl.DataFrame:
    """The rows of one ledger table, the same for everybody: by key, without what differs from run to run."""
    frame = pl.read_parquet(results / "*" / name / "*.parquet")
    return frame.select(columns + [column for column in frame.columns if column.startswith("hp_")]).sort(columns)


def test_a_submitted_quickstart_equals_a_local_one(head: tuple[str, dict[str, str]], tmp_path: Path) -> None:
    address, environment = head
    smaller = ["pretraining.images=320", "pretraining.seeds=1", "adaptations.full.draws=1"]
    settings = [word for setting in smaller for word in ("--set", setting)]
    run = ["labelcurve", "run", "quickstart", *settings, "--results"]
    submit = ["labelcurve", "submit", "--address", address, "--working-dir", "."]
    job = subprocess.run(
        [*submit, *run[1:], str(tmp_path / "job")], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert job.returncode == 0, job.stdout + job.stderr
    alone = {name: value for name, value in environment.items() if not name.startswith("RAY_")}
    local = subprocess.run([*run, str(tmp_path / "local")], cwd=ROOT, env=alone, capture_output=True, text=True)
    assert local.returncode == 0, local.stdout + local.stderr

    for name, columns in {"trials": ["key", "status", "score"], "finals": ["key", "status"]}.items():
        there, here = table(tmp_path / "job", name, columns), table(tmp_path / "local", name, columns)
        assert len(here) > 0
        assert there.equals(here), f"{name} differ"
    columns = ["key", "test_set", "corruption", "severity", "unit", "metric", "value"]
    assert table(tmp_path / "job", "scores", columns).equals(table(tmp_path / "local", "scores", columns))
