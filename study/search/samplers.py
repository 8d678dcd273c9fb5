"""Optuna's samplers by the names that a study file gives them."""

from dataclasses import dataclass

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)  # they warn at each proposal of what the study file's words say


@dataclass(frozen=True)
class Search:
    """How settings are proposed: by which sampler, after so many random trials, in generations of so many."""

    sampler: str = "tpe"
    random_trials: int = 5
    generation: int = 1

    @property
    def remembers(self) -> bool:
        """Whether the sampler keeps notes on its trials, which only asking it again brings back."""
        return self.sampler == "cmaes"

    def made(self, seed: int) -> optuna.samplers.BaseSampler:
        """The sampler of one proposal."""
        start, seed = self.random_trials, seed % 2**32
        if self.sampler == "random":
            return optuna.samplers.RandomSampler(seed=seed)
        if self.sampler == "gp":
            return optuna.samplers.GPSampler(seed=seed, n_startup_trials=start, warn_independent_sampling=False)
        if self.sampler == "cmaes":
            return optuna.samplers.CmaEsSampler(seed=seed, n_startup_trials=start, warn_independent_sampling=False)
        if self.sampler == "tpe":
            return optuna.samplers.TPESampler(seed=seed, n_startup_trials=start)
        raise ValueError(f"there is no sampler {self.sampler!r}")
