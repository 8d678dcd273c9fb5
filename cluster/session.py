"""Where a run computes: a private Ray on this machine, or a cluster that is already there."""

import fcntl
import logging
import os
import secrets
import shutil
import signal
import socket
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

log = logging.getLogger(__name__)

WORKER_SETUP = "labelcurve.pin_packages"
CONNECT_SECONDS = 10.0
IDLE_WORKERS = 2
"""For each core. A worker takes seconds to import what it needs; Ray would end the idle ones while a search runs."""

# Read by Ray in the driver and handed down to the processes that it starts. What the user has set stays.
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",  # what asked for no GPU sees none
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "600",  # Ray's 60 s are short for several workers importing torch at once
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # five files a trial that the ledger makes superfluous
    "TUNE_WARN_THRESHOLD_S": "60",
    "TUNE_WARN_SLOW_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "600",
}


class ClusterUnavailable(Exception):
    """No Ray to compute on; the line names the address and what to do."""


@dataclass(frozen=True)
class Resources:
    """What the joined or started Ray has in all."""

    cpus: int
    gpus: int
    nodes: int


@contextmanager
def session(address: str | None, *, cpus: int | None = None) -> Iterator[Resources]:
    """Ray for as long as the block lasts; inside it SIGTERM raises ``SystemExit(143)``.

    ``address`` is ``host:port`` of a running cluster. Without it the cluster of ``RAY_ADDRESS`` is joined, which Ray
    itself sets in a submitted job; without that, or with ``"local"``, Ray starts on this machine for this process
    alone, on loopback, with ``cpus`` cores (default: all), and leaves nothing behind.

    Raises ClusterUnavailable.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"ray\.")
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    with _polite_sigterm() as polite, _private_ray(cpus) if address == "local" else _joined_ray(address):
        polite()
        resources = _resources()
        log.info(_described(address, resources))
        yield resources


@contextmanager
def _private_ray(cpus: int | None) -> Iterator[None]:
    import ray

    # Ray guards even a private cluster with a token and would keep it in the user's home; ours lives in this process.
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    with _own_folder() as folder, _on_loopback():
        for last in (False, True):  # on a busy machine Ray may give up a start after half a minute
            try:
                ray.init(
                    address="local",
                    num_cpus=cpus,
                    include_dashboard=False,
                    runtime_env={"worker_process_setup_hook": WORKER_SETUP},
                    _temp_dir=str(folder),
                    _system_config={"num_workers_soft_limit": IDLE_WORKERS * (cpus or os.cpu_count() or 1)},
                    **_silent(),
                )
                break
            except Exception as error:
                ray.shutdown()
                if last:
                    raise ClusterUnavailable(f"Ray did not start on this machine: {_first_line(error)}") from error
        try:
            yield
        finally:
            ray.shutdown()


@contextmanager
def _joined_ray(address: str) -> Iterator[None]:
    import ray

    _check_address(address)
    try:
        ray.init(address=address, runtime_env={"worker_process_setup_hook": WORKER_SETUP}, **_silent())
    except Exception as error:
        raise ClusterUnavailable(f"no Ray cluster could be joined at {address}: {_first_line(error)}") from error
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Have Ray's servers listen on 127.0.0.1 alone.

    That is what Ray does on macOS, where clusters of several machines are switched off; elsewhere it listens on every
    interface, whatever address it is given. The variable counts for the processes that start from here, the constant
    for this one, which may have imported Ray before.
    """
    from ray._private import ray_constants

    variable, before = ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR, ray_constants.ENABLE_RAY_CLUSTER
    environment = os.environ.get(variable)
    os.environ[variable], ray_constants.ENABLE_RAY_CLUSTER = "0", False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before
        if environment is None:
            del os.environ[variable]
        else:
            os.environ[variable] = environment


def _silent() -> dict[str, Any]:
    return {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": True}


def _check_address(address: str) -> None:
    """Refuse at once what Ray would only refuse after a minute, or with a crash."""
    if "://" in address:
        raise ClusterUnavailable(
            f"{address} is not the address of a cluster to join: give host:port (port 6379 unless it was changed), "
            "or hand the command in with `ray job submit`"
        )
    host, _, port = address.rpartition(":")
    if address == "auto":
        return
    if not host or not port.isdigit():
        raise ClusterUnavailable(f"{address} is not the address of a Ray cluster: give host:port")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ClusterUnavailable(f"no Ray cluster answers at {address}: {error}") from error


@contextmanager
def _polite_sigterm() -> Iterator[Callable[[], None]]:
    """End by an exception, so that locks and folders are released.

    Ray puts a handler of its own in when it starts, which exits with the bare number: 128 is added to that. What this
    gives is called afterwards to put ours back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    def polite() -> None:
        signal.signal(signal.SIGTERM, leave)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield polite
    except SystemExit as left:
        if left.code == signal.SIGTERM:
            raise SystemExit(128 + signal.SIGTERM) from None
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _own_folder() -> Iterator[Path]:
    """A folder for Ray's sessions: short, for sockets have paths of 103 bytes at most, and removed afterwards.

    A killed driver leaves its folder behind. The lock on each tells the next run which of them nobody uses.
    """
    root = Path(os.environ.get("RAY_TMPDIR", "/tmp"))
    prefix = f"labelcurve-{os.getuid()}-"
    for abandoned in root.glob(f"{prefix}*/alive"):
        if _lock(abandoned) is not None:
            shutil.rmtree(abandoned.parent, ignore_errors=True)
    try:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=root))
        (folder / "alive").touch()
    except OSError as error:
        raise ClusterUnavailable(f"Ray needs a folder for its sockets and logs in {root}: {error}") from error
    held = _lock(folder / "alive")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if held is not None:
            os.close(held)


def _lock(path: Path) -> int | None:
    """The descriptor that holds the lock for as long as it is open, or None where another process has it."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _resources() -> Resources:
    import ray

    total = ray.cluster_resources()
    return Resources(
        cpus=int(total.get("CPU", 0)),
        gpus=int(total.get("GPU", 0)),
        nodes=sum(node["Alive"] for node in ray.nodes()),
    )


def _described(address: str, resources: Resources) -> str:
    where = "this machine" if address == "local" else f"the Ray cluster at {address}"
    return f"computing on {where}: {resources.cpus} CPUs, {resources.gpus} GPUs, nodes: {resources.nodes}"


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
