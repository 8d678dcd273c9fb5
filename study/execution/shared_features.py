"""Which runs see features of one fixed encoder, computed once for all of them."""

from collections.abc import Mapping

from study.config import Study
from study.planning.plan import Cell
from study.storage.file_ref import FileRef
from trainables import adaptations

Features = Mapping[tuple[str, str], FileRef]
"""(encoder name, task) -> the file of an array (images, dimensions)."""


def shares_features(study: Study, cell: Cell) -> bool:
    """Whether runs of the cell see features of one fixed encoder: in a probe, or while it is frozen before its release.

    From scratch, each run that trains the encoder draws one of its own, which has none to share.
    """
    adaptation, asked = adaptations.get(cell.factors["adaptation"]), study.adaptations[cell.factors["adaptation"]]
    fixed = adaptation.on_features or cell.factors["initialisation"] != "scratch"
    return fixed and adaptation.starts_frozen(asked.settings, asked.space or {})
