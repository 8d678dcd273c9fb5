import os
import socket
import subprocess
import sys

import pytest

from study.ledger import LockHeld, LockUnsupported, lock

HOLD = """
import sys, time
from study.ledger import lock
with lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(10**6)
"""


@pytest.fixture
def holder(tmp_path):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_process_is_refused_and_told_who_holds_the_lock(tmp_path, holder):
    with pytest.raises(LockHeld) as caught, lock(tmp_path):
        pass
    message = str(caught.value)
    assert f"process {holder.pid} on {socket.gethostname()}" in message and str(tmp_path) in message
    assert caught.value.exit_code == 5


def test_the_lock_ends_with_the_process_that_holds_it(tmp_path, holder):
    holder.kill()
    holder.wait()
    with lock(tmp_path):
        pass


def test_the_lock_does_not_live_on_in_a_child(tmp_path):
    start = "import subprocess, sys; from study.ledger import lock\nlock(sys.argv[1]).__enter__()\n"
    start += "print(subprocess.Popen(['sleep', '30'], close_fds=False, stdout=-3, stderr=-3).pid)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])}
    run = subprocess.run([sys.executable, "-c", start, str(tmp_path)], env=environment, capture_output=True, text=True)
    try:
        with lock(tmp_path):
            pass
    finally:
        os.kill(int(run.stdout), 9)


def test_one_process_cannot_hold_it_twice_but_again(tmp_path):
    for _ in range(2):
        with lock(tmp_path / "new" / "study"):
            with pytest.raises(LockHeld), lock(tmp_path / "new" / "study"):
                pass
    with lock(tmp_path / "other"):
        pass


def test_a_holder_that_has_not_signed_yet_is_refused_all_the_same(tmp_path):
    with lock(tmp_path):
        (tmp_path / "lock").write_bytes(b"")
        with pytest.raises(LockHeld, match="another process"), lock(tmp_path):
            pass


def test_what_cannot_be_locked_is_said():
    with pytest.raises(LockUnsupported, match="local folder"), lock("memory://anything"):
        pass
