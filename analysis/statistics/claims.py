"""Whether a claim of one initialisation against another is supported, refuted, or left open by a study.

A claim is supported where the 95 % interval of each of its contrasts lies within its bounds, so that at a bound itself
it is granted in 2.5 % at most; refuted where one lies beyond. A claim of several panels is about each of them: it takes
support in all (an intersection-union test, Berger, Technometrics 1982, which needs no correction), and is refuted by
one, at a level corrected for their number.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from study.vocabulary import ADAPTATION, TASK

from .cell_means import ONE_DRAW
from .claim_forms import FORMS, Bound, CannotBeAsked, Claim, Heights
from .curves import panels
from .deciding import would_decide
from .intervals import LEVEL
from .point import THIS_TEST_SET, NothingShared
from .points import Placed

SUPPORTED, REFUTED, UNDECIDED = "supported", "refuted", "undecided"
MAIN_TEST_SET = "test"


@dataclass(frozen=True)
class Finding:
    """What one panel says of a claim. bounds: none where nothing could be examined, and `reason` says why. decides:
    what would decide it if the estimate stayed."""

    placed: Placed
    verdict: str
    bounds: Sequence[Bound] = ()
    target: str | None = None
    draws: int = 0
    reason: str | None = None
    decides: str | None = None


@dataclass(frozen=True)
class Verdict:
    """A claim, what is said of it, and by which panels; no panel has runs of both sides where there are none."""

    claim: Claim
    verdict: str
    findings: Sequence[Finding]


def examine(points: Sequence[Placed], claim: Claim) -> Verdict:
    """points: of the claim's metric at least. Test sets other than a task's own are left out."""
    here = [panel for panel in panels(points).values() if _is_about(claim, panel)]
    patients = {p.factors[TASK] for panel in here for p in panel if p.unit != "image"}
    if claim.unit is None:
        here = [panel for panel in here if (panel[0].unit != "image") == (panel[0].factors[TASK] in patients)]
    level = 1 - (1 - LEVEL) / max(len(here), 1)
    findings = [_finding(panel, claim, level) for panel in here]
    said = [finding.verdict for finding in findings]
    if REFUTED in said:
        return Verdict(claim, REFUTED, findings)
    return Verdict(claim, SUPPORTED if said and set(said) == {SUPPORTED} else UNDECIDED, findings)


def _is_about(claim: Claim, panel: Sequence[Placed]) -> bool:
    first = panel[0]
    asked = ((claim.task, first.factors[TASK]), (claim.adaptation, first.factors[ADAPTATION]), (claim.unit, first.unit))
    return (
        (first.metric, first.test_set) == (claim.metric, MAIN_TEST_SET)
        and all(wanted in (None, there) for wanted, there in asked)
        and {claim.initialisation, claim.against} <= {p.initialisation for p in panel}
    )


def _finding(panel: Sequence[Placed], claim: Claim, level: float) -> Finding:
    try:
        of = Heights.of(panel, claim)
    except NothingShared:
        return Finding(panel[0], UNDECIDED, reason="the two sides have no size in common at which they share a draw")
    if len(of.joint.draws) < 2:
        return Finding(panel[0], UNDECIDED, reason=ONE_DRAW)
    try:
        bounds = list(FORMS[claim.form](of, claim))
    except CannotBeAsked as why:
        return Finding(panel[0], UNDECIDED, draws=len(of.joint.draws), reason=str(why))
    found = Finding(panel[0], UNDECIDED, bounds, of.joint.target, len(of.joint.draws))
    if of.joint.target.startswith(THIS_TEST_SET):
        return replace(found, reason=f"the interval is about this test set alone: {of.joint.reason}")
    if any(bound.refuted(level) for bound in bounds):
        return replace(found, verdict=REFUTED)
    if all(bound.shown() for bound in bounds):
        return replace(found, verdict=SUPPORTED)
    open_ones = [bound for bound in bounds if not bound.shown()]
    if any(not bound.above < bound.contrast.value < bound.below for bound in open_ones):
        return replace(found, reason="the estimate itself does not lie where it is claimed")
    hardest = max(open_ones, key=lambda bound: bound.contrast.error / max(bound.away, 1e-12))
    return replace(found, decides=would_decide(hardest.contrast, hardest.away, of.joint))
