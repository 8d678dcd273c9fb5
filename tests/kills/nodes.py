"""A Ray cluster of several nodes on this machine, which drivers join and nodes leave."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from tests.kills.driver_processes import ROOT

# Read by Ray when it is imported, here and in whatever is started from here: guarded, and on loopback alone.
os.environ.setdefault("RAY_AUTH_MODE", "token")
os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"

STARTS = 5


@contextmanager
def cluster() -> Iterator["Nodes"]:
    """Two nodes of one CPU each; all that they leave lies in a folder of their own, which goes."""
    with tempfile.TemporaryDirectory(prefix="lc-kills-", dir="/tmp", ignore_cleanup_errors=True) as sessions:
        os.environ["RAY_TMPDIR"] = sessions
        os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        nodes = Nodes()
        try:
            nodes.join()
            nodes.join()
            yield nodes
        finally:
            nodes.end()
            del os.environ["RAY_TMPDIR"]


class Nodes:
    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._cluster = Cluster()

    @property
    def _last(self):
        return next(iter(self._cluster.worker_nodes))

    @property
    def address(self) -> str:
        return self._cluster.address

    def join(self) -> None:
        """One more node. On a busy machine Ray may give up a start after half a minute, so it is tried again."""
        for start in range(STARTS):
            try:
                options = {} if self._cluster.head_node else {"include_dashboard": False}
                self._cluster.add_node(num_cpus=1, **options)
                return
            except Exception:
                if start == STARTS - 1:
                    raise

    def workers(self) -> set[int]:
        """The processes that work on the node which would be lost next."""
        raylet = self._last.all_processes["raylet"][0].process.pid
        return {process.pid for process in psutil.Process(raylet).children()}

    def lose(self) -> None:
        """A node that is not the head dies with all that runs on it."""
        self._cluster.remove_node(self._last, allow_graceful=False)

    def end(self) -> None:
        self._cluster.shutdown()
