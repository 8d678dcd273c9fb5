"""Lives of a driver: the real command in processes of their own, watched through their diary and ended from outside."""

import multiprocessing
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil

from tests.kills.gate import Gate

ROOT = Path(__file__).resolve().parents[2]
POLL_SECONDS = 0.01
LIFE_SECONDS = 1200
ALONE_SECONDS = 90
MARK = "LABELCURVE_LIFE"

# Each life is a fork of one process that has imported everything, which otherwise is most of what a life costs.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.kills.driver"])


@dataclass(frozen=True)
class Place:
    """A study and the folder where its lives leave results, diary and log; ``address`` is a Ray cluster to join."""

    study: Path
    folder: Path
    address: str | None = None
    gated: bool = False

    @property
    def root(self) -> Path:
        return self.folder / "results" / "killed"

    @property
    def gate(self) -> Gate:
        """Where the runs of a gated place wait."""
        return Gate(self.folder / "gate")

    @property
    def diary(self) -> list[str]:
        """All lines of all lives."""
        path = self.folder / "diary"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()


class Began(NamedTuple):
    """A trial or a final run (``phase``) that a worker has begun."""

    pid: int
    seed: str
    phase: str


class Life:
    """One process of the driver, begun at once; with ``failpoint`` it ends itself by SIGKILL there.

    ``disk``: an error number, and after how many files the disk answers with it.
    """

    def __init__(self, place: Place, failpoint: str = "", disk: tuple[int, int] | None = None) -> None:
        place.gate.folder.mkdir(parents=True, exist_ok=True)
        self.place, self._before, self.mark = place, len(place.diary), secrets.token_hex(8)
        environment = {
            "LABELCURVE_FAILPOINT": failpoint,
            MARK: self.mark,
            "LABELCURVE_COMMIT": "undisturbed",
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        }
        self.process = PROCESSES.Process(
            target=begin,
            args=(str(place.study), str(place.folder / "results")),
            kwargs={
                "diary": str(place.folder / "diary"),
                "log": str(place.folder / "log"),
                "life": self.mark,
                "address": place.address,
                "gate": str(place.gate.folder) if place.gated else None,
                "environment": environment,
                "disk": disk,
            },
        )
        self.process.start()

    @property
    def lines(self) -> list[str]:
        """What the diary says of this life and of any other since it began."""
        return self.place.diary[self._before :]

    @property
    def began(self) -> list["Began"]:
        """The runs that workers of this life have begun, in order; one whose worker died is there again."""
        words = [line.split()[1:] for line in self.lines if line.startswith("began")]
        return [Began(int(pid), seed, phase) for life, pid, seed, phase in words if life == self.mark]

    def reached(self, enough: Callable[[list[str]], bool]) -> bool:
        """Wait until the diary of this life says enough; False where it ended first."""
        deadline = time.monotonic() + LIFE_SECONDS
        while not enough(self.lines):
            if self.process.exitcode is not None:
                return enough(self.lines)
            if time.monotonic() > deadline:
                raise TimeoutError(f"a driver hangs: {self.place.folder / 'log'}")
            time.sleep(POLL_SECONDS)
        return True

    def send(self, number: signal.Signals) -> None:
        """A signal to the driver alone; none where it has ended."""
        if self.process.exitcode is None:
            os.kill(self.process.pid, number)

    def end(self) -> int:
        """Wait for the end: the exit code as a shell would show it, 128 + n after signal n."""
        self.process.join(LIFE_SECONDS)
        if self.process.exitcode is None:
            self.process.kill()
            raise TimeoutError(f"a driver hung: {self.place.folder / 'log'}")
        return self.process.exitcode if self.process.exitcode >= 0 else 128 - self.process.exitcode

    def left(self) -> list[str]:
        """Processes of this life that have not ended by themselves some time after its end."""
        deadline = time.monotonic() + ALONE_SECONDS
        while (found := self._alive()) and time.monotonic() < deadline:
            time.sleep(0.2)
        return found

    def _alive(self) -> list[str]:
        workers = {began.pid for began in self.began}
        found = []
        for process in psutil.process_iter():
            try:
                ours = process.pid in workers and process.name().startswith("ray::")
                if ours or process.environ().get(MARK) == self.mark:
                    if process.status() != psutil.STATUS_ZOMBIE:
                        found.append(f"{process.pid} {process.name()}")
            except psutil.Error:
                continue
        return found


def begin(study: str, results: str, **options) -> None:
    """Be the driver, in a process that is a fork of one which has imported it."""
    from tests.kills.driver import drive

    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background job would ignore
    sys.exit(drive(study, results, **options))
