"""The search over cells: proposals and pruning by Optuna, a study a cell, run side by side on Ray Tune."""

from study.search.cells import CellStudy, Past
from study.search.dealer import SearchCell, TrialDone
from study.search.limits import Limits
from study.search.pruning import Pruning
from study.search.samplers import Search
from study.search.tune import search

__all__ = ["CellStudy", "Limits", "Past", "Pruning", "Search", "SearchCell", "TrialDone", "search"]
