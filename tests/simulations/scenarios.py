"""The worlds that intervals are tried in, fixed before any of them was: one factor at a time, then crossings."""

from dataclasses import replace

import numpy as np

from .world import World

BASE = World()


def _auc(value: float) -> World:
    return replace(BASE, auc={"a": (value,), "b": (value,)})


def _patients(each: int) -> World:
    return replace(BASE, positive=each, negative=each)


def _encoders(a: int, b: int) -> World:
    return replace(BASE, encoders={"a": a, "b": b})


ONE_AT_A_TIME: dict[str, World] = {
    "base: 5 draws, 50 + 50 patients, AUC .8, one encoder, share .25": BASE,
    **{f"{draws} draws": replace(BASE, draws=draws) for draws in (3, 10)},
    **{f"{each} + {each} patients": _patients(each) for each in (8, 15, 25, 100, 400)},
    "10 + 90 patients": replace(BASE, positive=10, negative=90),
    "one image a patient": replace(BASE, images=1),
    "ten images a patient": replace(BASE, images=10),
    **{f"share {share:g}": replace(BASE, shares=(share,)) for share in (0.1, 0.5, 0.7, 0.9)},
    **{f"AUC {auc:g}": _auc(auc) for auc in (0.7, 0.9, 0.95, 0.99)},
    "AUC .95, 15 + 15 patients": replace(_auc(0.95), positive=15, negative=15),
    "AUC .97, 30 + 30 patients": replace(_auc(0.97), positive=30, negative=30),
    "AUC .99, 20 + 20 patients": replace(_auc(0.99), positive=20, negative=20),
    "AUC .99, 8 + 8 patients": replace(_auc(0.99), positive=8, negative=8),
    "3 encoders on either side": _encoders(3, 3),
    "3 encoders against 1": _encoders(3, 1),
    "3 encoders against 5": _encoders(3, 5),
    "encoders that differ much, 3 and 3": replace(_encoders(3, 3), encoder=0.3),
    "5 outer folds": replace(BASE, folds=5),
    "5 outer folds, 15 + 15 patients": replace(BASE, folds=5, positive=15, negative=15),
    "5 outer folds, 3 findings, 100 + 100 patients": replace(BASE, folds=5, findings=3, positive=100, negative=100),
    "3 classes": replace(BASE, classes=3),
    "3 classes, 10 + 20 patients": replace(BASE, classes=3, positive=10, negative=20),
    "3 findings": replace(BASE, findings=3),
    "runs that differ much in training": replace(BASE, training=0.25),
    "subsets that differ little": replace(BASE, draw=0.03, draw_method=0.02),
    "subsets that differ much": replace(BASE, draw=0.4, draw_method=0.3),
}

_LEVELS = {
    "draws": (3, 5, 10),
    "patients": (8, 15, 25, 50, 100, 400),
    "share": (0.1, 0.25, 0.5, 0.75),
    "auc": (0.7, 0.8, 0.9, 0.95),
    "encoders": ((1, 1), (3, 1), (3, 3)),
    "images": (1, 2, 5),
    "findings": (1, 1, 3),
    "subset": (0.05, 0.15, 0.3),
}


def crossings(count: int = 20, seed: int = 11) -> dict[str, World]:
    """Random combinations of levels, the same every time."""
    rng, found = np.random.default_rng(seed), {}
    while len(found) < count:
        at = {name: levels[rng.integers(len(levels))] for name, levels in _LEVELS.items()}
        world = World(
            draws=at["draws"], positive=at["patients"], negative=at["patients"], images=at["images"],
            auc={"a": (at["auc"],), "b": (at["auc"],)}, shares=(at["share"],), findings=at["findings"],
            encoders=dict(zip("ab", at["encoders"], strict=True)), draw=at["subset"], draw_method=at["subset"] / 2,
        )  # fmt: skip
        a, b = at["encoders"]
        words = (
            f"{at['draws']} draws, {at['patients']} + {at['patients']} patients of {at['images']}, AUC {at['auc']:g}, "
            f"share {at['share']:g}, encoders {a} and {b}, {at['findings']} findings, subsets {at['subset']:g}"
        )
        found[words] = world
    return found


CROSSINGS = crossings()
EVERY = ONE_AT_A_TIME | CROSSINGS
