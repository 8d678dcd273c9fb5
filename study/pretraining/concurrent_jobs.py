"""Jobs in threads, as many at once as there is room for, each as soon as those that it waits for are done."""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any


@dataclass(frozen=True)
class ConcurrentJob:
    """``after``: the name of the job whose end this one needs, None for none."""

    run: Callable[[], Any]
    after: str | None = None


def side_by_side(jobs: Mapping[str, ConcurrentJob], *, slots: int) -> Iterator[tuple[str, Any]]:
    """(name, result) of each job as it ends, yielded in the calling thread; a job that waits for it starts after that.

    When a job raises, those under way are still waited for and yielded, no more are started, and the first error is
    raised at the end. The threads end with the process, so an interrupted caller is not held up by them.
    """
    waiting, ended, running = dict(jobs), SimpleQueue[tuple[str, Any, BaseException | None]](), 0
    done: set[str] = set()
    failure: BaseException | None = None

    def work(name: str) -> None:
        try:
            ended.put((name, jobs[name].run(), None))
        except BaseException as error:
            ended.put((name, None, error))

    while True:
        ready = [name for name, job in waiting.items() if job.after in done or job.after not in jobs]
        for name in ready[: max(slots, 1) - running] if failure is None else ():
            del waiting[name]
            threading.Thread(target=work, args=(name,), daemon=True).start()
            running += 1
        if not running:
            break
        name, result, error = ended.get()
        running -= 1
        if error is None:
            yield name, result
            done.add(name)
        failure = failure or error
    if failure is not None:
        raise failure
