"""Supervised adaptation of an encoder on a labelled subset, and its predictions."""
