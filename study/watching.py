"""What a pre-training run says while it goes on: from its controller, over an actor, to the driver's terminal."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import ray
from ray.train import UserCallback

EVERY_SECONDS = 20.0


@ray.remote(num_cpus=0)
class _Board:
    """Holds the last thing reported. It runs where the driver runs or elsewhere, and losing it loses nothing."""

    def __init__(self) -> None:
        self._row: dict | None = None

    def put(self, row: dict) -> None:
        self._row = row

    def get(self) -> dict | None:
        return self._row


class Reporter(UserCallback):
    """Puts each report of rank 0 on the board; Ray Train calls it in the run's controller."""

    def __init__(self, board) -> None:
        self._board = board

    def after_report(self, run_context, metrics, checkpoint) -> None:
        self._board.put.remote(metrics[0])


@contextmanager
def watched(say: Callable[[str], None], *, budget: str, amount: float) -> Iterator[list[UserCallback]]:
    """Train callbacks that let ``say`` tell, now and then, how far of its budget (a column of rows) a run has come."""
    board = _Board.remote()  # type: ignore[attr-defined]
    over = threading.Event()

    def watch() -> None:
        told, began = None, None
        while not over.wait(EVERY_SECONDS):
            try:
                row = ray.get(board.get.remote(), timeout=EVERY_SECONDS)
            except Exception:
                return  # a run is watched for comfort alone
            if not row or not row.get("loss") or row[budget] == told:
                continue
            told, began = row[budget], began or (time.monotonic(), row[budget])
            passed = told - began[1]
            left = (time.monotonic() - began[0]) / passed * (amount - told) / 60 if passed else None
            say(
                f"{told:,.0f} of {amount:,.0f} {budget.replace('_', ' ')}, loss {row['loss']:.3f}"
                + (f", about {left:.1f} min left" if left is not None else "")
            )

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield [Reporter(board)]
    finally:
        over.set()
        thread.join()
        ray.kill(board)
