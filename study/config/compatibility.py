"""A study's identity is frozen while its extents grow: which changes of an accepted study file are allowed."""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from study.config import Study
from study.errors import InputRefused
from study.fields import data_keys

# Key paths (a star stands for one part) that may be added to, raised, lowered or moved at any time.
EXTENTS = [
    ("data",),
    *data_keys(Study),
    ("weights", "*"),
    ("initialisations",),
    ("pretraining", "seeds"),
    ("pretraining", "probes"),
    ("pretraining", "log_every"),
    ("pretraining", "checkpoint_every"),
    ("adaptations", "*", "sizes"),
    ("adaptations", "*", "validation"),
    ("adaptations", "*", "length"),
    ("adaptations", "*", "label_noise"),
    ("adaptations", "*", "imbalance"),
    ("adaptations", "*", "draws"),
    ("adaptations", "*", "trials"),
    ("adaptations", "*", "finals"),
    ("goals",),
    ("claims",),
    ("resources",),
    ("track",),
]
# Mappings whose entries may come and go, while an entry that stays must stay as it is.
COLLECTIONS = [("tasks",), ("weights",), ("pretraining", "methods"), ("adaptations",)]


def check_growth(accepted: dict, study: Study) -> None:
    """Refuse a study that contradicts the one that its results were made with.

    Where data lie may change (their digests are compared elsewhere); what is done with them may not. A setting that
    did not exist when the study was accepted had the value that is its default now.

    Raises:
        InputRefused: naming the first setting that differs, with both values.
    """
    for at, old, new in _differences(_completed(accepted), plain(study), ()):
        raise InputRefused(
            f"study {study.name}: {'.'.join(at)} was {old!r} when its results were made and is {new!r} now; "
            "give the changed study another name, or change it back"
        )


def plain(study: Study) -> dict:
    """The study as plain YAML values, with every default written out."""
    return study.model_dump(mode="json")


def _completed(accepted: dict) -> dict:
    try:
        return plain(Study.model_validate(accepted))
    except ValidationError:  # of a version whose settings have gone since: what differs is shown as it stands there
        return accepted


def _differences(old: Any, new: Any, at: tuple) -> Iterator[tuple[tuple, Any, Any]]:
    if any(_matches(at, path) for path in EXTENTS):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        grows = any(_matches(at, path) for path in COLLECTIONS)
        for name in sorted(old.keys() | new.keys()):
            if grows and (name not in old or name not in new):
                continue
            yield from _differences(old.get(name), new.get(name), (*at, name))
    elif old != new:
        yield at, old, new


def _matches(at: tuple, path: tuple) -> bool:
    return len(at) == len(path) and all(star in ("*", part) for part, star in zip(at, path, strict=True))
