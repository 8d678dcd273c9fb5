"""What the study claims of its initialisations, and whether that is shown."""

from analysis.report import html
from analysis.report.html import Raw
from analysis.report.results import Results
from analysis.statistics.noninferiority import BLOCKS, TARGET, Claim, ClaimVerdict, examine
from analysis.words import adapted, metric_words

title = "Claims"

WHAT_A_CLAIM_TAKES = (
    f"Target: {TARGET}. A block is one pretrain_seed: in it the two sides are paired on the same labels and test set, "
    "and the differences, positive where the claimed one is better, are averaged; a claim over several tasks, "
    "adaptations or sizes is about that average and says nothing about each of them. The interval is Student's t over "
    f"blocks, its lower end a one-sided 97.5 % bound. Non-inferior: {BLOCKS} blocks or more, and the bound lies above "
    "minus the margin. Worse: the whole interval lies below it. 'Not shown' is no proof of being worse. The number of "
    "blocks is to be settled beforehand: adding some until a claim is granted grants too many. Claims are taken one by "
    "one, without a correction for their number."
)


def render(results: Results) -> Raw:
    """Nothing where the study makes no claim."""
    found = [examine(results.tables, Claim(**claim)) for claim in results.spec.get("claims") or []]
    if not found:
        return Raw("")
    header = ["claim", "blocks", "pairs", "left out", "mean difference", "95 % interval", "verdict"]
    rows = [
        [_claimed(f.claim), f.blocks, _pairs(f), f.incomplete, "-" if f.mean is None else f"{f.mean:+.3f}",
         "none" if f.low is None else f"{f.low:+.3f} to {f.high:+.3f}",
         f"{f.verdict}: {f.reason}" if f.reason else f.verdict]
        for f in found
    ]  # fmt: skip
    table = html.table(header, rows, numbers={1, 2, 3, 4, 5})
    return Raw(table + html.paragraph(WHAT_A_CLAIM_TAKES, class_="note"))


def _claimed(claim: Claim) -> str:
    where = f", {adapted(claim.adaptation)}" if claim.adaptation else ""
    metric = metric_words(claim.metric)
    return f"{claim.initialisation} is not worse than {claim.not_worse_than} by {claim.margin:g} {metric}{where}"


def _pairs(f: ClaimVerdict) -> str:
    fewest, most = f.pairs_a_block
    return f"{f.pairs} ({fewest} a block)" if fewest == most else f"{f.pairs} ({fewest} to {most} a block)"
