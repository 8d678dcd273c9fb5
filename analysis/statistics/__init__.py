"""Estimates, intervals and verdicts, from the tables alone."""
