"""When a trial is stopped before its end."""

from dataclasses import dataclass

import optuna


@dataclass(frozen=True)
class Pruning:
    """Optuna's median rule: stop a trial whose best score so far is below the completed trials' median at that epoch.

    Epochs count from the release of the encoder, before which a trial is neither judged nor compared.
    ``n_startup_trials`` completed trials are awaited first, and no trial is stopped before epoch ``n_warmup_steps``.
    """

    enabled: bool = True
    n_startup_trials: int = 4
    n_warmup_steps: int = 1

    def pruner(self) -> optuna.pruners.BasePruner:
        """The Optuna pruner of these settings."""
        if not self.enabled:
            return optuna.pruners.NopPruner()
        return optuna.pruners.MedianPruner(n_startup_trials=self.n_startup_trials, n_warmup_steps=self.n_warmup_steps)
