"""A worker does not keep what its jobs have freed; in a process of its own, since what counts is that process."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
from study.execution import release_memory, worker
from trainables.contracts import EpochRecord, RunResult
if sys.argv[1] == "untidy":
    worker.tidy = lambda: None
kept = []

def job(_):
    blocks = [bytearray(100_000) for _ in range(6000)]
    kept.append(blocks[-1])  # on top of the heap, which therefore does not shrink by itself
    yield EpochRecord(1, 1, 1, 0.5, [], RunResult(1, 1, 0.1, 0.1, "cpu", 1))

before = release_memory.resident()
for _ in range(2):
    list(worker.records(job, {}))
print((release_memory.resident() - before) // 2**20)
"""


def grown(how: str) -> int:
    """MiB by which a process has grown after two jobs that freed 570 each."""
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], cwd=root, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems give memory back in their own way")
def test_what_a_job_has_freed_is_given_back():
    assert grown("tidy") < 100 < grown("untidy")
