"""What is claimed of the study's initialisations, and whether that is shown."""

from analysis.report import html
from analysis.report.claims_text import claim_words, interval, verdict_words, where
from analysis.report.html import Raw
from analysis.report.results import Results
from analysis.statistics.claims import Finding, Verdict, examine

title = "Claims"

WHAT_A_CLAIM_TAKES = (
    "Differences are positive where the claimed one is better. Supported: the 95 % interval of each contrast lies "
    "where it is claimed, in every task and setting that the claim is about; so a claim at its margin is granted in "
    "2.5 % at most. Refuted: one lies beyond it, at a level corrected for their number. Claims are taken "
    "one by one, without a correction for their number. A claim is marked post hoc where a test set that it is about "
    "had been opened before it was made."
)


def render(results: Results) -> Raw:
    """Nothing where nothing is claimed."""
    found = [examine(results.points_of(claim.metric), claim) for claim in results.claims]
    if not found:
        return Raw("")
    header = ["claim", "verdict", "where", "difference", "95 % interval", "target", "what it takes"]
    rows = [row for verdict in found for finding in (*verdict.findings,) or (None,) for row in _rows(verdict, finding)]
    table = (
        results.table("claims", header, rows, numbers={3, 4}, group=0,
                      caption="What is claimed, and what the study says to it")
    )  # fmt: skip
    return Raw(table + html.paragraph(WHAT_A_CLAIM_TAKES, class_="note"))


def _rows(verdict: Verdict, finding: Finding | None) -> list[list[str]]:
    start = [claim_words(verdict.claim), verdict_words(verdict)]
    if finding is None:
        return [[*start, "nowhere", "-", "none", "", "no task and setting has runs of both"]]
    takes = finding.reason or finding.decides or finding.verdict
    if not finding.bounds:
        return [[*start, where(finding.placed), "-", "none", "", takes]]
    return [
        [*start, f"{where(finding.placed)}, {bound.about}", f"{bound.contrast.value:+.3f}", interval(bound),
         finding.target or "", takes]
        for bound in finding.bounds
    ]  # fmt: skip
