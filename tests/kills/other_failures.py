"""Kills of what is not the driver, and what else happens to drivers: signals, pauses, rivals, disks."""

import errno
import os
import random
import signal
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from tests.kills.driver_processes import Began, Life
from tests.kills.gate import ALL
from tests.kills.undisturbed_study import Row, Whole, died, finished, resumed, still_there, wrong_code

if TYPE_CHECKING:
    from tests.kills.nodes import Nodes  # which changes the environment that Ray reads

PAUSE_SECONDS = 8.0
SURROUNDINGS_FAILED = 5
PHASES = ("trial", "final")


def signals(whole: Whole, seed: int) -> Iterator[Row]:
    """SIGTERM and SIGINT in every stage: exit codes 143 and 130, else a kill like any other."""
    chance, place = random.Random(seed), whole.beside("signals", gated=True)
    for mark in ("plan-made", "encoder-made", "trial-dealt", "trial-committed", "final-committed"):
        for number in (signal.SIGTERM, signal.SIGINT):
            place.gate.open("trial", {"trial-committed": 3, "final-committed": ALL}.get(mark, 0))
            place.gate.open("final", 1 if mark == "final-committed" else 0)
            life = Life(place)
            life.reached(lambda lines, mark=mark: f"passed {mark}" in lines)
            life.process.join(chance.uniform(0, 0.1))
            life.send(number)
            yield Row(f"{number.name} after {mark}", 1, False, died(life, whole, 128 + number))
    place.gate.open("final", ALL)
    yield resumed(place, whole)


def disks(whole: Whole, seed: int) -> Iterator[Row]:
    """A disk that is full, read-only or broken after so many files: exit code 5, and a line that names the file."""
    chance, place = random.Random(seed), whole.beside("disks")
    for number in (errno.ENOSPC, errno.EROFS, errno.EIO) * 3:
        files = chance.randint(0, sum(point.endswith("-renamed") for point in whole.points) // 6)
        life = Life(place, disk=(number, files))
        faults = died(life, whole, SURROUNDINGS_FAILED)
        said = place.log.splitlines()[-1]
        if os.strerror(number) not in said or str(place.folder / "results") not in said:
            faults.append(f"the file is not named: {said}")
        yield Row(f"{errno.errorcode[number]} after {files} files", 0, False, faults)
    yield resumed(place, whole)


def workers(whole: Whole, kills: int) -> Iterator[Row]:
    """Workers killed one after another, in trials and in final runs; the driver goes on by itself."""
    place, hit = whole.beside("workers", gated=True), 0
    life, known = Life(place), set[str]()
    while hit < kills and (run := next_run(life, known)):
        hit += kill(run)
        known.add(run.seed)
        place.gate.let(run.seed)
    for phase in PHASES:
        place.gate.open(phase, ALL)
    yield Row(f"{hit} workers, one after another", hit, False, finished(life, whole))


def kill(run: Began) -> bool:
    """SIGKILL the worker that began a run; False where it has ended."""
    try:
        os.kill(run.pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def next_run(life: Life, known: Collection[str]) -> Began | None:
    """A run that is not among the ``known`` seeds, once one begins; None where the driver ends first.

    What has lost one worker already shall not lose another.
    """

    def fresh() -> list[Began]:
        return [run for run in life.began if run.seed not in known]

    life.reached(lambda lines: bool(fresh()))
    return fresh()[0] if fresh() else None


def nodes(whole: Whole, cluster: "Nodes") -> Iterator[Row]:
    """A node lost with a trial on it, replaced, and lost again with a final run on it."""
    place = whole.beside("nodes", gated=True)
    life, faults = Life(place), []

    def stands(phase: str) -> bool:
        """Whether a run of the phase stands at the gate on the node which would be lost next."""
        there = cluster.workers()
        return any(run.phase == phase and run.pid in there and place.gate.reached_by(run.seed) for run in life.began)

    for phase in PHASES:
        if not life.reached(lambda _, phase=phase: stands(phase)):
            faults.append(f"no {phase} ran on the node")
        cluster.lose()
        cluster.join()
        place.gate.open(phase, ALL)
    faults += finished(life, whole)
    begun = [run.seed for run in life.began]
    if len(begun) - len(set(begun)) < 2:
        faults.append("no trial and no final run had to begin anew")
    yield Row("2 nodes", 2, False, faults)


def rivals(whole: Whole) -> Iterator[Row]:
    """A second driver beside a running one and beside a paused one, which afterwards goes on unharmed."""
    place = whole.beside("rivals", gated=True)
    place.gate.open("trial", 3)
    first = Life(place)
    first.reached(lambda lines: "passed trial-committed" in lines)
    for state in ("running", "paused"):
        if state == "paused":
            first.send(signal.SIGSTOP)
            first.process.join(PAUSE_SECONDS)
        second = Life(place)
        faults = wrong_code(second.end(), SURROUNDINGS_FAILED) + still_there(second)
        if f"process {first.process.pid} on" not in place.log.splitlines()[-1]:
            faults.append(f"the holder is not named: {place.log.splitlines()[-1]}")
        yield Row(f"a second driver beside a {state} one", 0, False, faults)
    first.send(signal.SIGCONT)
    for phase in PHASES:
        place.gate.open(phase, ALL)
    yield Row(f"{place.folder.name}, to the end", 0, False, finished(first, whole))
