"""What a pre-training run says while it goes on: from its controller, over an actor, to the driver's terminal."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray.train import UserCallback

from study import console
from study.progress import LINES, duration

log = logging.getLogger(__name__)

EVERY_SECONDS, LIVE_SECONDS = 20.0, 2.0


@ray.remote(num_cpus=0)
class _LatestReport:
    """Holds the last thing reported. It runs where the driver runs or elsewhere, and losing it loses nothing."""

    def __init__(self) -> None:
        self._row: dict | None = None

    def put(self, row: dict) -> None:
        self._row = row

    def get(self) -> dict | None:
        return self._row


class Reporter(UserCallback):
    """Puts each report of rank 0 on the board; Ray Train calls it in the run's controller."""

    def __init__(self, board: Any) -> None:
        self._board = board

    def after_report(self, run_context: Any, metrics: list[dict[str, Any]], checkpoint: Any) -> None:
        self._board.put.remote(metrics[0])


@contextmanager
def watched(name: str, *, budget: str, amount: float) -> Iterator[list[UserCallback]]:
    """Train callbacks that tell how far of its budget (a column of rows) the run called ``name`` has come:
    on a terminal all the time, elsewhere at each twentieth of the way."""
    board = _LatestReport.remote()  # type: ignore[attr-defined]
    over = threading.Event()

    def watch() -> None:
        began, latest, shown, warned = None, None, 0.0, None
        while not over.wait(LIVE_SECONDS if console.on_terminal() else EVERY_SECONDS):
            try:
                row = ray.get(board.get.remote(), timeout=EVERY_SECONDS)
            except Exception:
                return  # a run is watched for comfort alone
            if not row or row.get("loss") is None or row[budget] == latest:
                continue
            latest, began = row[budget], began or (time.monotonic(), row[budget])
            passed = latest - began[1]
            left = (time.monotonic() - began[0]) / passed * (amount - latest) if passed else None
            far, *warnings = lines(row, budget=budget, amount=amount, left=left, warned=warned)
            console.live(name, f"{name}: {far}")
            if latest - shown >= amount / LINES:
                console.note(f"  {name}: {far}")
                shown = latest
            for line in warnings:
                log.info(f"  {name}: {line}")
            warned = row.get("warning")

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield [Reporter(board)]
    finally:
        over.set()
        thread.join()
        console.live(name, None)
        ray.kill(board)


def lines(row: dict, *, budget: str, amount: float, left: float | None, warned: str | None) -> Iterator[str]:
    """How far of its budget (a column of rows) a run has come by its last row, and the row's warning, if any.

    left: seconds. warned: the warning that was said last, which is not said again.
    """
    far = f"{row[budget]:,.0f} of {amount:,.0f} {budget.replace('_', ' ')}, loss {row['loss']:.3f}"
    yield far + ("" if left is None else f", about {duration(left)} left")
    if row.get("warning") and row["warning"] != warned:
        yield f"warning: {row['warning']}"
