"""The ledger: Parquet tables that hold everything which has happened in a study, and the only truth about it.

A reader needs `frame` (one study), `frames` (many) or `scan` (lazily), who only looks on `count` and `holder`; the
driver `lock` and `Ledger`. `schemas` has the columns.
"""

from study.errors import Contradiction, Damaged, LedgerError, LockHeld, LockUnsupported, Overtaken, UnknownVersion
from study.storage.storage import Storage

from .commit import Ledger
from .counts import count
from .lock import lock
from .lock_holder import holder
from .read import frame, frames
from .scan import scan
from .schemas import ATTEMPTS, DEPENDENTS, TABLES
from .studies import find_root
from .verify import Problem, check, set_aside

__all__ = [
    "ATTEMPTS",
    "DEPENDENTS",
    "TABLES",
    "Contradiction",
    "Damaged",
    "Problem",
    "Ledger",
    "LedgerError",
    "LockHeld",
    "LockUnsupported",
    "Overtaken",
    "Storage",
    "UnknownVersion",
    "check",
    "count",
    "find_root",
    "frame",
    "frames",
    "holder",
    "lock",
    "scan",
    "set_aside",
]
