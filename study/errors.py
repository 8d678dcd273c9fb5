"""The two ways in which a run ends early, each with the exit code that a caller sees."""


class LabelcurveError(Exception):
    """One clear line for the user: what is wrong, where, and what to do."""

    exit_code = 1


class InputRefused(LabelcurveError):
    """The study, its data or its weights cannot be used as given; nothing was computed."""

    exit_code = 2


class SurroundingsFailed(LabelcurveError):
    """Disk, cluster or lock failed; running the same command again goes on where it stopped."""

    exit_code = 5


def last_line(error: BaseException) -> str:
    """The last line that an exception says, which in a chain of causes is the one that tells."""
    return next((line.strip() for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)
