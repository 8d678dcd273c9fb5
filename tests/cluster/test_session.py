"""Joining or starting Ray: on loopback, quiet, leaving nothing behind, and refused with one clear line."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.errors import ClusterUnavailable
from cluster.private_ray import _lock, _own_folder, private_ray
from cluster.session import _polite_sigterm, session

ROOT = Path(__file__).resolve().parents[2]

PRIVATE = """
import json, os, sys
import labelcurve; labelcurve.pin_packages()
import ray  # before the session on purpose: what it reads when imported must not matter
from cluster.session import session
import logging
logging.getLogger("cluster").addHandler(logging.StreamHandler(sys.stdout))
logging.getLogger("cluster").setLevel(logging.INFO)
with session(None, cpus=2) as resources:
    import psutil
    @ray.remote
    def worked(): return os.getpid() != {driver}
    assert ray.get(worked.remote())
    listening = [
        socket.laddr.ip.removeprefix("::ffff:")
        for process in psutil.Process().children(recursive=True)
        for socket in process.net_connections("inet") if socket.status == "LISTEN"
    ]
    print(json.dumps([resources.cpus, resources.nodes, len(listening), sorted(set(listening))]), flush=True)
    if "wait" in sys.argv:
        sys.stdin.read()
"""


def start(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    program = PRIVATE.replace("{driver}", "os.getppid()")
    root = tmp_path / "ray"
    root.mkdir()
    short = Path("/tmp") / f"lc-test-{os.getpid()}"  # pytest's folders are too long for a socket
    short.unlink(missing_ok=True)
    short.symlink_to(root)
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), "RAY_TMPDIR": str(short), "HOME": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(autouse=True)
def no_link_left():
    yield
    (Path("/tmp") / f"lc-test-{os.getpid()}").unlink(missing_ok=True)


def test_a_private_ray_listens_on_loopback_alone_says_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    process = start(tmp_path)
    out, err = process.communicate(timeout=250)
    assert process.returncode == 0, err
    said, seen = out.splitlines()
    assert said == "computing on this machine: 2 CPUs, 0 GPUs, nodes: 1"
    cpus, nodes, sockets, addresses = json.loads(seen)
    assert (cpus, nodes, addresses) == (2, 1, ["127.0.0.1"]) and sockets > 3
    assert err == ""
    assert list((tmp_path / "ray").iterdir()) == []
    assert not (tmp_path / ".ray").exists(), "a token was left in the user's home"


def test_sigterm_ends_a_session_politely(tmp_path: Path) -> None:
    process = start(tmp_path, "wait")
    assert process.stdout is not None and process.stdout.readline() and process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=250) == 128 + signal.SIGTERM
    assert list((tmp_path / "ray").iterdir()) == []


def test_sigterm_while_ray_starts_and_after_it_has_ended_is_the_same_as_any() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as left, _polite_sigterm():
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number))  # as Ray does
        signal.raise_signal(signal.SIGTERM)
    assert left.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before, "no handler of Ray's stays behind"


def test_the_folder_of_a_killed_driver_is_removed_by_the_next_and_that_of_a_living_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    with _own_folder() as living:
        killed = living.with_name(living.name + "x")
        killed.mkdir()
        (killed / "alive").touch()
        with _own_folder():
            assert not killed.exists()
            assert _lock(living / "alive") is None
            assert living.exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["http://127.0.0.1:8265", "ray://head:10001", "head", "head:many", "127.0.0.1:1"])
def test_an_address_where_no_cluster_can_be_joined_is_refused_by_name(address: str) -> None:
    with pytest.raises(ClusterUnavailable, match=address), session(address):
        pass


@pytest.mark.parametrize("failures", [1, 2])
def test_a_private_ray_that_does_not_start_is_started_once_more(monkeypatch: pytest.MonkeyPatch, failures: int) -> None:
    import ray

    starts: list[dict] = []

    def start(**options: object) -> None:
        starts.append(options)
        if len(starts) <= failures:
            raise RuntimeError("The current node timed out during startup.")

    monkeypatch.setattr(ray, "init", start)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    if failures == 1:
        with private_ray(2):
            pass
    else:
        with pytest.raises(ClusterUnavailable, match="timed out during startup"), private_ray(2):
            pass
    assert len(starts) == 2
