"""The study file: what a user may ask, and what stands where nothing was said."""

from .adaptation import Adaptation, Scoring
from .data import Task
from .pretraining import PretrainedBy, Pretraining
from .resources import Slot
from .study import Study

__all__ = ["Adaptation", "PretrainedBy", "Pretraining", "Scoring", "Slot", "Study", "Task"]
