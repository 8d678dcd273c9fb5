"""The search over cells: proposals and pruning by Optuna, a study a cell, run side by side on Ray Tune."""

from study.execution.limits import Limits
from study.search.cell_study import CellStudy, PastTrial
from study.search.pruning import Pruning
from study.search.samplers import Search
from study.search.scheduler import FinishedTrial, SearchCell
from study.search.tune_runner import search

__all__ = ["CellStudy", "Limits", "PastTrial", "Pruning", "Search", "SearchCell", "FinishedTrial", "search"]
