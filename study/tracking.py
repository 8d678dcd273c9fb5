"""Mirrors of a study for a tracker's pages. The ledger is the truth: a mirror may fail without harming anything.

Aim is no more than that because nobody maintains it, a network file system corrupts its repository, and its server asks
nobody for a password. So it is imported only when asked for, writes to a local folder, and no server is started.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

Row = Mapping[str, Any]

_LOGGED = ("loss", "loss_over_trivial", "spread", "rank", "lr", "probe_knn", "probe_ridge")
_SPENT = ("images", "views", "pixels", "flops", "device_seconds", "peak_memory")
_CONTEXT = ("split", "test_set", "corruption", "severity", "unit", "task")


class Mirror(Protocol):
    """What is told of a study, in rows of the ledger, each after its commit. No method raises."""

    def pretraining(self, rows: Sequence[Row]) -> None:
        """All logged steps of one pre-training run."""

    def trial(self, row: Row, curves: Sequence[Row]) -> None:
        """One trial and its rows of `curves`."""

    def final(self, row: Row, scores: Sequence[Row]) -> None:
        """One final run and its rows of `scores`."""

    def close(self) -> None:
        """Nothing more comes."""


def open_mirror(repo_path: str | Path | None, *, say: Callable[[str], None]) -> Mirror:
    """An AimMirror writing to the local folder `repo_path`; without one, or without Aim (said aloud), a NullMirror."""
    if repo_path is None:
        return NullMirror()
    try:
        import aim  # noqa: F401
    except Exception as error:  # it is compiled, so it can be there and yet fail to load
        say(f"Aim cannot be used here, so the study goes on without it: {error!r}")
        return NullMirror()
    return AimMirror(repo_path, say=say)


class NullMirror:
    """No tracker."""

    def pretraining(self, rows: Sequence[Row]) -> None:
        pass

    def trial(self, row: Row, curves: Sequence[Row]) -> None:
        pass

    def final(self, row: Row, scores: Sequence[Row]) -> None:
        pass

    def close(self) -> None:
        pass


class AimMirror:
    """One Aim run for each trial, final run and pre-training run, named by its key, its row under `row`.

    The first exception inside is told through `say`, and switches the mirror off for good. Writing a run takes a few
    tenths of a second. `aim up` makes the index that Aim's own readers want.
    """

    def __init__(self, repo_path: str | Path, *, say: Callable[[str], None]) -> None:
        self._path = Path(repo_path).absolute()
        self._say = say
        self._repo: Any = None
        self._on = True
        self._harmless(self._open)

    def pretraining(self, rows: Sequence[Row]) -> None:
        if rows:
            self._harmless(
                lambda: self._write("pretraining", rows[-1], [value for row in rows for value in _pretrained(row)])
            )

    def trial(self, row: Row, curves: Sequence[Row]) -> None:
        self._harmless(lambda: self._write("trials", row, curves))

    def final(self, row: Row, scores: Sequence[Row]) -> None:
        self._harmless(lambda: self._write("finals", row, scores))

    def close(self) -> None:
        if self._repo is not None:
            self._harmless(self._repo.close)
        self._on = False

    def _harmless(self, act: Callable[[], None]) -> None:
        if not self._on:
            return
        try:
            act()
        except Exception as error:
            self._on = False
            self._say(f"Aim failed and is left alone from here on; the study goes on without it: {error!r}")

    def _open(self) -> None:
        from aim import Repo

        self._path.mkdir(parents=True, exist_ok=True)
        self._repo = Repo(str(self._path), init=True)

    def _write(self, table: str, row: Row, values: Sequence[Row]) -> None:
        from aim import Run

        run = Run(
            repo=self._repo,
            experiment=str(row.get("study")),
            system_tracking_interval=None,
            log_system_params=False,
            capture_terminal_logs=False,
        )
        try:
            run.name = str(row["key"])
            run["table"] = table
            run["row"] = {name: _storable(value) for name, value in row.items() if _known(value)}
            for value in values:
                if _known(value.get("value")):
                    context = {name: value[name] for name in _CONTEXT if _known(value.get(name))}
                    run.track(value["value"], name=value["metric"], step=value.get("step"), context=context)
        finally:
            run.close()


def _pretrained(row: Row) -> Iterator[Row]:
    """The numbers of one logged step: what was learnt and spent, schedules by name, probes by task."""
    at = {"step": row.get("step"), "split": "train"}
    schedule = {name: value for name, value in _parsed(row.get("schedule")).items() if name not in _LOGGED}
    for name, value in ({name: row.get(name) for name in _LOGGED + _SPENT} | schedule).items():
        yield at | {"metric": name, "value": value}
    for task, scores in _parsed(row.get("probes")).items():
        for name, value in scores.items():
            yield at | {"metric": f"probe_{name}", "task": task, "value": value}


def _parsed(value: Any) -> Mapping[str, Any]:
    """A mapping, or one that is stored as JSON; nothing of null."""
    return json.loads(value) if isinstance(value, str) else value or {}


def _known(value: object) -> bool:
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def _storable(value: Any) -> Any:
    return value if isinstance(value, str | int | float | dict | list) else str(value)
