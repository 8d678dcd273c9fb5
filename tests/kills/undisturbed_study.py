"""The undisturbed study that every killed one is compared with, and what is asked after each end of a driver."""

import signal
from dataclasses import dataclass, replace
from pathlib import Path

from tests.kills.driver_processes import Life, Place
from tests.kills.verdict import at_end, at_kill

KILLED = 128 + signal.SIGKILL


@dataclass(frozen=True)
class Row:
    """A line of the table: what was done, how many processes were killed, and what was wrong afterwards."""

    point: str
    kills: int
    resumed: bool
    faults: list[str]


@dataclass(frozen=True)
class Whole:
    """The undisturbed study: its place, its exit code, and the named points in the order that it passed them."""

    place: Place
    code: int
    points: list[str]

    def beside(self, name: str, *, gated: bool = False) -> Place:
        """The same study in a folder of its own."""
        return replace(self.place, folder=self.place.folder.with_name(name), gated=gated)


def undisturbed(study: Path, folder: Path, address: str | None) -> Whole:
    place = Place(study, folder / "whole", address)
    life = Life(place)
    code = life.end()
    if code not in (0, 4):
        raise RuntimeError(f"the undisturbed study ended with {code}: {place.log}")
    return Whole(place, code, [line.split()[1] for line in life.lines if line.startswith("passed")])


def died(life: Life, whole: Whole, code: int = KILLED) -> list[str]:
    """What is wrong just after a driver's end, which should have come with ``code``."""
    ended = life.end()
    return wrong_code(ended, code) + still_there(life) + at_kill(life.place, whole.place)


def finished(life: Life, whole: Whole) -> list[str]:
    """What is wrong after a driver that should have come to the study's end."""
    ended = life.end()
    return wrong_code(ended, whole.code) + still_there(life) + at_end(life.place, whole.place)


def resumed(place: Place, whole: Whole) -> Row:
    """The study run to its end."""
    return Row(f"{place.folder.name}, to the end", 0, True, finished(Life(place), whole))


def wrong_code(ended: int, expected: int) -> list[str]:
    return [] if ended == expected else [f"exit code {ended} instead of {expected}"]


def still_there(life: Life) -> list[str]:
    return [f"process {each} did not end by itself" for each in life.left()]
