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
