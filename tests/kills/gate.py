"""A gate at which runs of a killed study wait, each at an epoch of its own, until they are let through."""

import os
import random
import time
from pathlib import Path

POLL_SECONDS = 0.01
ALL = 10**6


class Gate:
    """A folder with a ticket for each run that came, numbered in a phase (``trial`` or ``final``) as they came.

    Nobody waits by the clock: what a test does to a study happens while its runs stand here, however slow the machine.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def open(self, phase: str, more: int = 0) -> None:
        """Let all of a phase go on that have come so far, dead or alive, and so many more."""
        self.folder.mkdir(parents=True, exist_ok=True)
        allowed = len(list(self.folder.glob(f"{phase}-*"))) + more
        part = self.folder / f"{os.getpid()}.part"
        part.write_text(str(allowed))
        part.replace(self.folder / f"{phase}.allowed")

    def let(self, seed: str) -> None:
        """Let the run of this seed go on, in whatever life, and nobody else."""
        (self.folder / f"let-{seed}").touch()

    def wait(self, phase: str, seed: int) -> None:
        """Take the next ticket, with a run's seed on it, and wait until it may go on."""
        ticket = 0
        while not self._taken(f"{phase}-{ticket}"):
            ticket += 1
        (self.folder / f"seed-{seed}").touch()
        while self._allowed(phase) <= ticket and not (self.folder / f"let-{seed}").exists():
            time.sleep(POLL_SECONDS)

    def reached_by(self, seed: str) -> bool:
        """Whether the run of this seed has come to the gate, in whatever life."""
        return (self.folder / f"seed-{seed}").exists()

    def _taken(self, name: str) -> bool:
        try:
            os.close(os.open(self.folder / name, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        return True

    def _allowed(self, phase: str) -> int:
        path = self.folder / f"{phase}.allowed"
        return int(path.read_text()) if path.exists() else 0


def epoch_of(seed: int) -> int:
    """Before which of its four epochs a run waits."""
    return random.Random(f"gate {seed}").randrange(4)
