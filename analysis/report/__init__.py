"""The report of a study: one page, its figures, and the curves as CSV."""

from .report import write_report

__all__ = ["write_report"]
