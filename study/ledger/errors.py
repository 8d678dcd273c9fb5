"""What can go wrong with a ledger: each error one line for the user, with the exit code that a command ends with."""


class LedgerError(Exception):
    """The tables of a study cannot be used as they are."""

    exit_code = 1


class LockHeld(LedgerError):
    """Another process is writing to this study."""

    exit_code = 5


class LockUnsupported(LedgerError):
    """There is no way yet to make sure that only one process writes here."""

    exit_code = 5


class Damaged(LedgerError):
    """A file of a table is not what was written there."""

    exit_code = 5


class UnknownVersion(LedgerError):
    """A file of a table was written by another version of Labelcurve, with other columns."""

    exit_code = 2


class Contradiction(LedgerError):
    """A key is stored already, and what was run under it then is not what is offered now."""

    exit_code = 2


class Overtaken(LedgerError):
    """Another driver has taken this study over, while this one could not renew its lease."""

    exit_code = 5
