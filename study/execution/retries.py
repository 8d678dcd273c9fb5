"""Runs that ended badly, set aside so that they are run again."""

from collections.abc import Collection

from study.ledger import Ledger


def free_failed(ledger: Ledger, statuses: Collection[str]) -> tuple[int, int]:
    """Set aside the trials and final runs that ended so, to be run again; how many there were of each.

    A trial runs again with the settings and the seed that it had. Trials behind it stay as they are: they were proposed
    without its outcome. Where the cell's choice changes with it, `final_stage` makes its final runs anew.
    """
    moved = []
    for table in ("trials", "finals"):
        failed = {row["key"] for row in ledger.rows(table) if row["status"] in statuses}
        moved.append(ledger.supersede(table, failed))
    return moved[0], moved[1]
