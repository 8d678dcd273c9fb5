"""Synthetic CT: anatomy, and labelled and unlabelled scans of it."""
