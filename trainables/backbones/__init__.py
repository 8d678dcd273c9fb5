"""Backbones: how they are built, and the weights that they start from."""

from trainables.backbones.build import build, check_forward, check_weights, load, save

__all__ = ["build", "check_forward", "check_weights", "load", "save"]
