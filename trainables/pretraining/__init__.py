"""The pre-training loop, and what it measures on its way."""
