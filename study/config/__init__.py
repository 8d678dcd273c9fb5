"""The study file: what a user may ask, and what stands where nothing was said."""

from study.data.task import Task

from .adaptation import AdaptationConfig, Scoring
from .pretraining import PretrainedBy, Pretraining
from .resources import Slot
from .study import Study

__all__ = ["AdaptationConfig", "PretrainedBy", "Pretraining", "Scoring", "Slot", "Study", "Task"]
