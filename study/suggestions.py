"""What was probably meant by a name that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches

MOST = 10
"""How many known names a refusal lists at most."""


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """The end of a refusal: ``; did you mean 'spark'?``, or where nothing is near ``; there are 'a', 'b'``.

    Upper and lower case are alike.
    """
    names = list(known)
    by_lower = {each.lower(): each for each in reversed(names)}
    near = get_close_matches(str(name).lower(), by_lower, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {by_lower[near[0]]!r}?"
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return f"; there are {', '.join(map(repr, names[:MOST]))}{more}" if names else ""
