"""Predictions that were made elsewhere, as a study of their own that the whole analysis works on."""

from .stage import import_files

__all__ = ["import_files"]
