"""The search over cells: proposals and pruning by Optuna, a study a cell, run side by side on Ray Tune."""

from study.search.cells import CellStudy, Past, Pruning
from study.search.dealer import SearchCell, TrialDone
from study.search.tune import search

__all__ = ["CellStudy", "Past", "Pruning", "SearchCell", "TrialDone", "search"]
