"""Claims and goals in words, and what results say to them as lines for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.statistics.claim_forms import Bound, Claim
from analysis.statistics.claims import Finding, Verdict, examine
from analysis.statistics.goals import Goal, Needed, needed
from analysis.statistics.intervals import LEVEL
from analysis.statistics.points import Placed, points
from analysis.tables import StudyTables
from analysis.words import metric_words, setting
from study.vocabulary import SMALLER_IS_BETTER


def claim_words(claim: Claim) -> str:
    """A claim as a sentence."""
    metric, margin = metric_words(claim.metric), f"{claim.margin:g}"
    by = f" by more than {margin}" if claim.margin else ""
    labels = "" if claim.labels is None else f" with {_count(claim.labels)}"
    others = "" if claim.against_labels is None else f" with {_count(claim.against_labels)}"
    first, other = claim.initialisation, claim.against
    said = {
        "difference": f"{first}{labels} is better than {other}{others}{by}",
        "non_inferior": f"{first}{labels} is not worse than {other}{others} by {margin}",
        "equivalent": f"{first}{labels} and {other}{others} differ by less than {margin}",
        "saves_labels": f"{first} reaches{labels} what {other} does{others or ' with the most'}",
        "more_robust": f"{first} loses less than {other} down to {_count(claim.labels)}{by}",
        "crosses_below": f"{first} is better than {other} with the fewest labels, worse from {_count(claim.labels)} on",
    }[claim.form]
    place = [
        f"on {claim.task}" if claim.task else "",
        claim.adaptation or "",
        f"per {claim.unit}" if claim.unit else "",
    ]
    return ", ".join([f"{said} ({metric})", *filter(None, place)])


def goal_words(goal: Goal) -> str:
    """A goal's score."""
    least = "at most" if goal.metric in SMALLER_IS_BETTER else "at least"
    return f"{metric_words(goal.metric)} of {least} {goal.score:g}"


def verdict_words(verdict: Verdict) -> str:
    return f"{verdict.verdict}, post hoc" if verdict.claim.post_hoc else verdict.verdict


def where(placed: Placed) -> str:
    """A panel in words."""
    return f"{placed.factors['task']}, {setting({**placed.factors, 'test_set': placed.test_set})}, per {placed.unit}"


def interval(bound: Bound) -> str:
    low, high = bound.contrast.interval(LEVEL)
    return f"{low:+.3f} to {high:+.3f}"


def patient_words(found: Needed) -> str:
    """From how many patients the labels of a goal come; empty where the set of labels has no end."""
    low, high = found.patients
    if low is None and high is None:
        return ""
    if low is None or high is None:
        return f"at least {low:.0f}" if low is not None else f"at most {high:.0f}"
    return f"between {low:.0f} and {high:.0f}"


def examined(tables: StudyTables, claims: Sequence[Mapping[str, Any]], goals: Sequence[Mapping[str, Any]]) -> list[str]:
    """What a study says to claims and goals that come after its results, in plain values as in a study file."""
    made = [Claim.of({**claim, "post_hoc": True}) for claim in claims]
    wanted = [Goal.of(goal) for goal in goals]
    found = points(tables, metrics=sorted({claim.metric for claim in made} | {goal.metric for goal in wanted}))
    lines = [line for claim in made for line in verdict_lines(examine(_of(found, claim.metric), claim))]
    return lines + [needed_line(each) for goal in wanted for each in needed(_of(found, goal.metric), goal)]


def _of(found: Sequence[Placed], metric: str) -> list[Placed]:
    return [placed for placed in found if placed.metric == metric]


def verdict_lines(verdict: Verdict) -> list[str]:
    """A claim with its verdict, and a line for each contrast behind it."""
    lines = [f"{verdict_words(verdict)}: {claim_words(verdict.claim)}"]
    return lines + [line for finding in verdict.findings for line in _finding_lines(finding)]


def _finding_lines(finding: Finding) -> list[str]:
    place = where(finding.placed)
    lines = [
        f"  {place}, {bound.about}: {bound.contrast.value:+.3f} ({interval(bound)}) for {finding.target}"
        for bound in finding.bounds
    ]
    if finding.reason or finding.decides:
        lines.append(f"  {place}: {finding.verdict}, {finding.reason or finding.decides}")
    return lines


def needed_line(found: Needed) -> str:
    """A goal with its answer."""
    patients = patient_words(found)
    from_patients = f" from {patients} patients" if patients else ""
    return (
        f"{goal_words(found.goal)}, {where(found.placed)}, {found.initialisation}: {found.words} labels{from_patients}"
    )


def _count(labels: float | None) -> str:
    if labels is None:
        return "the fewest labels"
    return f"{labels:.0%} of the labels" if labels <= 1 else f"{labels:.0f} labels"
