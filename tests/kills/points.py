"""The driver killed at every named point, at its first, a middle and its last pass."""

from collections.abc import Iterator

from study.ledger import frame
from tests.kills.driver_processes import Life, Place
from tests.kills.undisturbed_study import Row, Whole, died, resumed

PASSES = ("first", "middle", "last")


def at_points(whole: Whole, which: str) -> Iterator[Row]:
    """One study, its driver killed at one point after another, each life going on where the last one died.

    What is passed once, or before any trial, has a first pass alone. What is not passed any more after the kills
    before, such as the place behind the last commit, is left out.
    """
    place = whole.beside(f"{which} passes")
    counts = {point: whole.points.count(point) for point in whole.points}
    points = list(counts)
    if which != "first":
        points = [point for point in points[points.index("trial-dealt") :] if counts[point] > 1]
    if which == "last":
        points.sort(key=lambda point: whole.points[::-1].index(point), reverse=True)
    trials, finals = counts["trial-committed"], counts["final-committed"]
    for i, point in enumerate(points):
        to_come = _to_come(point, place, whole)
        if which == "first":
            n = 1
        elif to_come == 0:
            continue
        elif which == "middle":
            n = max(1, to_come // (1 + sum(counts[other] == counts[point] for other in points[i:])))
        elif counts[point] in (trials, finals, trials + finals):
            n = to_come
        else:  # not every run has curves, or begins a file: in another order of the runs it may be one pass less
            n = max(1, to_come - 1)
        yield Row(f"{which}: {point}:{n}", 1, False, died(Life(place, f"{point}:{n}"), whole))
    yield resumed(place, whole)


def features(whole: Whole) -> Iterator[Row]:
    """The driver killed when features of frozen encoders have just been written."""
    place = whole.beside("features")
    yield Row("features-written", 1, False, died(Life(place, "features-written"), whole))
    yield resumed(place, whole)


def _to_come(point: str, place: Place, whole: Whole) -> int:
    """How often the undisturbed run passes a point after as many trials and final runs as are committed here."""
    seen = 0
    for table, mark in (("trials", "trial-committed"), ("finals", "final-committed")):
        committed = frame(place.root, table).height
        places = [i + 1 for i, each in enumerate(whole.points) if each == mark]
        seen = max(seen, places[committed - 1] if committed else 0)
    return whole.points[seen:].count(point)
