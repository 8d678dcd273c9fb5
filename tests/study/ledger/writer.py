"""A driver for tests that kill it: commits trials until told to stop by SIGKILL. Usage: writer.py ROOT COUNT"""

import sys

from rows import curves, trial

from study.failpoints import failpoint
from study.ledger import Ledger, lock

root, count = sys.argv[1], int(sys.argv[2])
with lock(root):
    ledger = Ledger(root, failpoint=failpoint)
    print("open", flush=True)
    for number in range(count):
        if f"{number:016x}" not in ledger.keys("trials"):
            ledger.commit("trials", trial(number), curves=curves(number))
            print(number, flush=True)
