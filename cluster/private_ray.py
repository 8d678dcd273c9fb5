"""A Ray of one process's own on this machine: on loopback, guarded, and gone with it."""

import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cluster.errors import ClusterUnavailable

WORKER_SETUP = "labelcurve.pin_packages"
IDLE_WORKERS = 2
"""For each core. A worker takes seconds to import what it needs; Ray would end the idle ones while a search runs."""


@contextmanager
def private_ray(cpus: int | None) -> Iterator[None]:
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
                    **silent(),
                )
                break
            except Exception as error:
                ray.shutdown()
                if last:
                    raise ClusterUnavailable(f"Ray did not start on this machine: {first_line(error)}") from error
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


def silent() -> dict[str, Any]:
    return {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": True}


def first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
