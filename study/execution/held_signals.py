"""SIGINT and SIGTERM are held back until the work at hand can be left."""

import signal
import threading
from types import FrameType


class Interrupted(Exception):
    """A held signal asks for the end; raised by ``HeldSignals.check``."""


class HeldSignals:
    """In its block the first SIGINT or SIGTERM is only noted; ``check`` then raises, and the block's end hands it on.

    The handlers from before are back by then, so whoever set them decides how the process ends. A second signal goes to
    them at once. Does nothing outside the main thread, where Python delivers no signals.
    """

    def __init__(self) -> None:
        self._held: int | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> "HeldSignals":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._hold) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def check(self) -> None:
        """Raise ``Interrupted`` when a signal is held."""
        if self._held is not None:
            raise Interrupted(signal.Signals(self._held).name)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._restore()
        if self._held is not None and kind in (None, Interrupted):
            signal.raise_signal(self._held)
            raise SystemExit(128 + self._held)  # the handler returned; what was interrupted must not look complete

    def _hold(self, number: int, frame: FrameType | None) -> None:
        self._held = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before = {}
