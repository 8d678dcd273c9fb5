"""An Aim repository in a local folder: one Aim run for each entry."""

import atexit
import math
import re
from pathlib import Path
from typing import Any

from .tracked_run import Entry

KEY = re.compile(r"[0-9a-f]{16}")
_CONTEXT = ("split", "test_set", "corruption", "severity", "unit", "task")


class Repository:
    """Each run is named by its key, holds its row under `row`, and is described by its mark once it is whole.

    Writing a run takes a few tenths of a second. `aim up` makes the index that Aim's own readers want. Whatever Aim
    raises comes out here. To be used by the thread that made it.
    """

    def __init__(self, folder: Path) -> None:
        from aim import Repo
        from aim.ext.cleanup import AutoClean

        folder.mkdir(parents=True, exist_ok=True)
        self._repo: Any = Repo(str(folder), init=True)
        # Aim would close what is open when the process ends, and lets nobody interrupt it. We close our own.
        atexit.unregister(AutoClean.cleanup)

    def write(self, entry: Entry) -> None:
        from aim import Run

        run = Run(
            repo=self._repo,
            experiment=str(entry.row.get("study")),
            system_tracking_interval=None,
            log_system_params=False,
            capture_terminal_logs=False,
        )
        try:
            run.name = entry.key
            run["table"] = entry.table
            run["row"] = {name: _storable(value) for name, value in entry.row.items() if _known(value)}
            for value in entry.values:
                if _known(value.get("value")):
                    context = {name: value[name] for name in _CONTEXT if _known(value.get(name))}
                    run.track(value["value"], name=value["metric"], step=value.get("step"), context=context)
            run.description = entry.mark
        finally:
            run.close()

    def written(self, study: str) -> dict[str, tuple[str, str]]:
        """What a study has here: Aim's hash of a run -> its key and its mark, which half a run has not."""
        runs = [run for run in self._repo.structured_db.runs() if run.experiment == study]
        return {run.hash: (run.name, run.description or "") for run in runs if KEY.fullmatch(run.name or "")}

    def remove(self, hashes: list[str]) -> None:
        """Raises RuntimeError where Aim keeps one of them."""
        gone, kept = self._repo.delete_runs(hashes)
        if not gone:
            raise RuntimeError(f"Aim does not remove {len(kept)} of its runs, such as {kept[0]}")

    def close(self) -> None:
        self._repo.close()


def _known(value: object) -> bool:
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def _storable(value: Any) -> Any:
    return value if isinstance(value, str | int | float | dict | list) else str(value)
