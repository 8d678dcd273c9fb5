"""The sizes that an adaptation asks for, as subsets of a task's pool in every draw; what cannot be had is refused."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from study.config import AdaptationConfig
from study.errors import InputRefused
from study.planning.subsets import Draw, Pool, Subset, Unreachable, Validation


class Levels(NamedTuple):
    """Of the factors that decide which labels a subset holds."""

    validation: Validation
    label_noise: float
    imbalance: float | None


SubsetsBySize = dict[tuple[str, float], list[Subset]]
"""(kind, value) of a size -> its subset in each draw."""


@dataclass
class Drawing:
    """A pool with the draws that were made of it, which adaptations share."""

    task: str
    fold: int | None
    pool: Pool
    seed: int
    _made: dict[tuple, Draw] = field(default_factory=dict)

    def subsets(
        self,
        asked: AdaptationConfig,
        where: str,
        *,
        levels: Levels,
        folds: int,
        left_out: list[str],
    ) -> SubsetsBySize:
        """The subset of every draw at each size; one that a draw cannot have is refused, or left out and noted.

        Raises:
            InputRefused: naming the smallest (or largest) size of its kind that works in all draws.
        """
        sizes: SubsetsBySize = {}
        for kind, value in _sizes(asked):
            try:
                draws = [self._draw(where, number, levels) for number in range(asked.draws)]
                sizes[kind, value] = self._at(draws, kind, value, where, folds)
            except InputRefused as refused:
                if asked.sizes.impossible == "refuse":
                    raise
                left_out.append(str(refused))
        return sizes

    @property
    def _described(self) -> str:
        return f"task {self.task}" + ("" if self.fold is None else f", fold {self.fold}")

    def _draw(self, where: str, number: int, levels: Levels) -> Draw:
        place = (number, levels)
        if place not in self._made:
            try:
                self._made[place] = Draw(self.pool, seed=self.seed, draw=number, **levels._asdict())
            except Unreachable as why:
                raise InputRefused(f"{where.removesuffix('sizes')}imbalance: {self._described}: {why}") from None
        return self._made[place]

    def _at(self, draws: list[Draw], kind: str, value: float, where: str, folds: int) -> list[Subset]:
        asked = f"{where}.{kind} {value:g}: {self._described}"
        for draw in draws:
            if kind == "count" and value > draw.n_labels:
                fewest = min(each.n_labels for each in draws)
                raise InputRefused(f"{asked} has {draw.n_labels} labels to pay for; ask for {fewest} or fewer")
            if kind == "shots" and value > draw.most_shots[0] > 0:
                most, stratum = min(each.most_shots for each in draws)
                of = self.pool.told_stratum(stratum)
                raise InputRefused(f"{asked} has {most} training patients {of}; ask for {most} shots or fewer")
        found = [_subset(draw, kind, value, folds) for draw in draws]
        for number, subset in enumerate(found):
            lacks = subset.lacks
            if lacks is not None:
                gives = f"gives {subset.n_labels} labels in draw {number}, with {lacks}"
                raise InputRefused(f"{asked} {gives}; {_least(draws, kind, folds)}")
        return found


def _sizes(adaptation: AdaptationConfig) -> list[tuple[str, float]]:
    asked = adaptation.sizes
    sizes: list[tuple[str, list[float]]] = [
        ("share", [*asked.share]),
        ("count", [*asked.count]),
        ("shots", [*asked.shots]),
    ]
    return [(kind, float(value)) for kind, values in sizes for value in values]


def _subset(draw: Draw, kind: str, value: float, folds: int) -> Subset:
    if kind == "shots":
        return Subset(draw, draw.shots(int(value)), folds=folds)
    return Subset(draw, draw.prefix(round(value * draw.n_labels) if kind == "share" else int(value)), folds=folds)


def _least(draws: list[Draw], kind: str, folds: int) -> str:
    """The smallest size of a kind that lacks nothing in any draw (of shares, in steps of a thousandth), in words."""
    steps: dict[str, Iterable[float]] = {
        "share": (step / 1000 for step in range(1, 1001)),
        "count": range(1, min(draw.n_labels for draw in draws) + 1),
        "shots": range(1, min(draw.most_shots[0] for draw in draws) + 1),
    }
    short = draws[0]  # asked first, since a draw that lacks something mostly lacks it at the next step too
    for value in steps[kind]:
        lacking = (draw for draw in (short, *draws) if _subset(draw, kind, value, folds).lacks is not None)
        short_here = next(lacking, None)
        if short_here is None:
            return f"the smallest that works in all draws is {kind} {value:g}"
        short = short_here
    return "none of its sizes lacks nothing in every draw; its split cannot be studied so"
