"""The driver killed at seeded random moments."""

import random
import signal
from collections.abc import Iterator

from tests.kills.driver_processes import Life, Place
from tests.kills.undisturbed_study import Row, Whole, died, finished, resumed

LIVES = 25
"""About as many lives a chain of kills makes of one study."""
QUIET_SECONDS = 5.0


def chained(whole: Whole, kills: int, seed: int) -> Iterator[Row]:
    """Each life goes on where the last one was killed; a study that gets finished is followed by a new one."""
    chance, number = random.Random(seed), 0
    place = whole.beside("chain 0")
    most = max(2, 2 * len(whole.place.diary) // LIVES)
    for kill in range(kills):
        life, moment = at_random(place, chance, most=most)
        if life.process.exitcode is not None:
            yield Row(f"{place.folder.name}, to the end", 0, True, finished(life, whole))
            number += 1
            place = whole.beside(f"chain {number}")
            life, moment = at_random(place, chance, most=most)
        life.send(signal.SIGKILL)
        yield Row(f"{place.folder.name}, kill {kill + 1}: {moment}", 1, False, died(life, whole))
    yield resumed(place, whole)


def alone(whole: Whole, kills: int, seed: int) -> Iterator[Row]:
    """Each kill in a study of its own, which is then run to its end."""
    chance = random.Random(seed)
    for kill in range(kills):
        place = whole.beside(f"alone {kill + 1}")
        life, moment = at_random(place, chance, most=len(whole.place.diary) - 1)
        life.send(signal.SIGKILL)
        faults = died(life, whole) + resumed(place, whole).faults
        yield Row(f"{place.folder.name}: {moment}", 1, True, faults)


def at_random(place: Place, chance: random.Random, *, most: int) -> tuple[Life, str]:
    """A life that has come to a random line of its diary, and up to a tenth of a second further.

    One moment in five lies in the driver's first seconds instead, when there is little to tell.
    """
    line, wait = chance.randint(1, most), chance.uniform(0, 0.1)
    if chance.random() < 0.2:
        line, wait = 1, chance.uniform(0, QUIET_SECONDS)
    life = Life(place)
    life.reached(lambda lines: len(lines) >= line)
    life.process.join(wait)
    return life, f"{1000 * wait:.0f} ms after line {line}"
