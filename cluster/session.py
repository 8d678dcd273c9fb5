"""Where a run computes: a private Ray on this machine, or a cluster that is already there."""

import logging
import os
import signal
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

from cluster.errors import ClusterUnavailable
from cluster.private_ray import WORKER_SETUP, first_line, private_ray, silent

log = logging.getLogger(__name__)

CONNECT_SECONDS = 10.0
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
    with _polite_sigterm() as polite, private_ray(cpus) if address == "local" else _joined_ray(address):
        polite()
        resources = _resources()
        log.info(_described(address, resources))
        yield resources


@contextmanager
def _joined_ray(address: str) -> Iterator[None]:
    import ray

    _check_address(address)
    try:
        ray.init(address=address, runtime_env={"worker_process_setup_hook": WORKER_SETUP}, **silent())
    except Exception as error:
        raise ClusterUnavailable(f"no Ray cluster could be joined at {address}: {first_line(error)}") from error
    try:
        yield
    finally:
        ray.shutdown()


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
