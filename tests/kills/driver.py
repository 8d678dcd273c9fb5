"""The driver that is killed: the real command, told to run trivial jobs and to keep a diary of what it passes.

Each named place of the driver is a line ``passed NAME`` of the diary, and so is each file that it gives its name; each
trial handed out is a line ``dealt GROUP CELL INDEX``, GROUP being the first cell of those that are searched together;
each run that a worker begins is a line ``began LIFE PID SEED PHASE``.
"""

import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from study import failpoints

_kill = failpoints.failpoint
_diary: str | None = None
_files_left, _disk_error = float("inf"), 0


def passed(name: str) -> None:
    """Tell the diary, then die here if that was asked for."""
    if _diary is not None:
        note(_diary, f"passed {name}")
        _kill(name)


failpoints.failpoint = passed  # before anything imports it

# All that a driver imports on its way, so that it need not do so in each life.
import ray.tune  # noqa: E402, F401
import sklearn.metrics  # noqa: E402, F401

import labelcurve  # noqa: E402
from study import cli, run  # noqa: E402, F401
from study.ledger import TABLES, segments  # noqa: E402
from study.search.scheduler import CellScheduler  # noqa: E402
from tests.kills.jobs import note, run_job  # noqa: E402
from trainables.backbones import weights  # noqa: E402, F401

FOLDERS = (*TABLES, "spec", "encoders")
"""Where each file that is given its name is a named place."""
ROWS_A_FILE = {"trials": 5, "finals": 5, "curves": 30, "scores": 5, "predictions": 60}
"""Files of the ledger are full early here, so that many are sealed in a small study."""


def drive(
    study: str,
    results: str,
    *,
    diary: str,
    log: str,
    life: str,
    address: str | None,
    gate: str | None,
    environment: dict,
    disk: tuple[int, int] | None,
) -> int:
    """``labelcurve run STUDY --results RESULTS`` in this process, both outputs in ``log``; its exit code.

    ``disk``: an error number, and how many files are still given their names before each one meets it.
    """
    global _diary, _files_left, _disk_error
    if disk is not None:
        _disk_error, _files_left = disk
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.environ.update(environment)
    _diary = diary
    run.run_study = partial(run.run_study, run_job=partial(run_job, diary=diary, life=life, gate=gate))
    sys.argv = ["labelcurve", "run", study, "--results", results, *(["--address", address] if address else [])]
    return labelcurve.main()


def _replace(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """``os.replace`` between two named places; a new file beside an older one of its table seals that."""
    global _files_left
    path = Path(target)
    folder = path.parent.name
    if folder not in FOLDERS:
        return _rename(source, target)
    seals = folder in TABLES and int(path.stem) > 0 and not path.exists()
    passed(f"{folder}-{'sealed' if seals else 'written'}")
    _files_left -= 1
    if _files_left < 0:
        raise OSError(_disk_error, os.strerror(_disk_error), str(target))
    _rename(source, target)
    passed(f"{folder}-renamed")


def _make(scheduler: CellScheduler, studies: Mapping[str, object], **more: object) -> None:
    _made(scheduler, studies, **more)
    scheduler.group = next(iter(studies))


def _deal(scheduler: CellScheduler):
    trial = _dealt(scheduler)
    if trial is not None and _diary is not None:
        note(_diary, f"dealt {scheduler.group} {trial.cell} {trial.index}")
        passed("trial-dealt")
    return trial


_rename, os.replace = os.replace, _replace
_made, CellScheduler.__init__ = CellScheduler.__init__, _make
_dealt, CellScheduler.next_trial = CellScheduler.next_trial, _deal
assert segments.limit
segments.limit = lambda table: ROWS_A_FILE.get(table, 1000)
