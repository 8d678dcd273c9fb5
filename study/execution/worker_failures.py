"""How often a run is started again because its worker is gone."""

from dataclasses import dataclass

from ray.exceptions import (
    ActorDiedError,
    ActorUnavailableError,
    NodeDiedError,
    ObjectLostError,
    OwnerDiedError,
    RayTaskError,
)

CRASHES = 1
NODES = 10
"""A node that goes is not the run's fault. The number ends a run that takes every machine down with it."""


@dataclass
class WorkerFailures:
    """The workers that one run has lost: to its own crashes, and with the machine they were on."""

    crashes: int = 0
    nodes: int = 0

    def may_retry(self, error: BaseException) -> bool:
        """Count the loss that this error tells of; whether the run may begin once more."""
        if lost_node(error):
            self.nodes += 1
            return self.nodes <= NODES
        self.crashes += 1
        return self.crashes <= CRASHES


def unwrapped(error: BaseException) -> BaseException:
    """What a worker raised, where Ray wraps it."""
    return error.cause if isinstance(error, RayTaskError) and error.cause is not None else error


def lost_node(error: BaseException) -> bool:
    """Whether a worker went with its machine, with what it had there, or behind a broken connection.

    Of a dead actor only Ray's words tell it.
    """
    if isinstance(error, ActorDiedError):
        return error.preempted or "node has died" in str(error)
    return isinstance(error, ActorUnavailableError | NodeDiedError | ObjectLostError | OwnerDiedError)
