"""The ways in which a command ends early: each one clear line for the user, with the exit code that a caller sees.

``LabelcurveError`` (1, an error of ours) has two branches: ``InputRefused`` (2, change what was given) and
``SurroundingsFailed`` (5, run again). What can go wrong with a ledger is a ``LedgerError`` besides.
"""


class LabelcurveError(Exception):
    """One clear line for the user: what is wrong, where, and what to do."""

    exit_code = 1


class InputRefused(LabelcurveError):
    """The study, its data or its weights cannot be used as given; nothing was computed."""

    exit_code = 2


class SurroundingsFailed(LabelcurveError):
    """Disk, cluster or lock failed; running the same command again goes on where it stopped."""

    exit_code = 5


class LedgerError(LabelcurveError):
    """The tables of a study cannot be used as they are."""


class LockHeld(SurroundingsFailed, LedgerError):
    """Another process is writing to this study."""


class LockUnsupported(SurroundingsFailed, LedgerError):
    """There is no way yet to make sure that only one process writes here."""


class Damaged(SurroundingsFailed, LedgerError):
    """A file of a table is not what was written there."""


class Overtaken(SurroundingsFailed, LedgerError):
    """Another driver has taken this study over, while this one could not renew its lease."""


class UnknownVersion(InputRefused, LedgerError):
    """A file of a table was written by another version of Labelcurve, with other columns."""


class Contradiction(InputRefused, LedgerError):
    """A key is stored already, and what was run under it then is not what is offered now."""


def last_line(error: BaseException) -> str:
    """The last line that an exception says, which in a chain of causes is the one that tells."""
    return next((line.strip() for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)
