"""The ledger: Parquet tables that hold everything which has happened in a study, and the only truth about it.

A reader needs `frame` (one study) or `frames` (many), who only looks on `count` and `holder`; the driver `lock` and
`Ledger`. `schemas` has the columns.
"""

from .check import Finding, check, set_aside
from .commit import Ledger
from .counting import count
from .errors import Contradiction, Damaged, LedgerError, LockHeld, LockUnsupported, Overtaken, UnknownVersion
from .holder import holder
from .lock import lock
from .read import frame, frames
from .schemas import ATTEMPTS, DEPENDENTS, STATUSES, TABLES, VERSION
from .storage import Storage

__all__ = [
    "ATTEMPTS",
    "DEPENDENTS",
    "STATUSES",
    "TABLES",
    "VERSION",
    "Contradiction",
    "Damaged",
    "Finding",
    "Ledger",
    "LedgerError",
    "LockHeld",
    "LockUnsupported",
    "Overtaken",
    "Storage",
    "UnknownVersion",
    "check",
    "count",
    "frame",
    "frames",
    "holder",
    "lock",
    "set_aside",
]
