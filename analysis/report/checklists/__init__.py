"""Reporting checklists: their items in our own words, and which sentences of the methods answer each."""

from .claim_2024 import CLAIM_2024
from .item import Checklist, Item
from .tripod_ai import TRIPOD_AI

CHECKLISTS: tuple[Checklist, ...] = (CLAIM_2024, TRIPOD_AI)

__all__ = ["CHECKLISTS", "Checklist", "Item"]
