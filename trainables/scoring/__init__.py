"""From predicted probabilities to scores: metrics, thresholds, patients, test sets."""
