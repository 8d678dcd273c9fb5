"""Says where a run is: one line at a time, to the terminal and to the study's log."""

import time
from collections.abc import Callable
from pathlib import Path


def narrator(log: Path | None = None) -> Callable[[str], None]:
    """A function that prints a line behind the minutes and seconds passed, and keeps it in ``log``."""
    started = time.monotonic()
    if log:
        log.parent.mkdir(parents=True, exist_ok=True)

    def say(line: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - started), 60)
        text = f"[{minutes:3d}:{seconds:02d}] {line}"
        print(text, flush=True)
        if log:
            with log.open("a", encoding="utf-8") as file:
                file.write(text + "\n")

    return say
