"""A search space as Optuna's distributions."""

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from study.config.search_space import Space, exists


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Optuna's distribution of each dimension. Raises ``ValueError`` where bounds or choices are impossible."""
    made: dict[str, BaseDistribution] = {}
    for name, entry in space.items():
        if "choices" in entry:
            made[name] = CategoricalDistribution(entry["choices"])
        elif entry.get("int", False):
            made[name] = IntDistribution(entry["low"], entry["high"], log=entry.get("log", False))
        else:
            made[name] = FloatDistribution(entry["low"], entry["high"], log=entry.get("log", False))
    return made


def suggest(trial: optuna.Trial, space: Space) -> dict[str, object]:
    """Let a trial's sampler choose a value of every dimension that exists; ``space`` is in the order of ``order``."""
    found: dict[str, object] = {}
    for name, entry in space.items():
        if not exists(entry, found):
            continue
        log = entry.get("log", False)
        if "choices" in entry:
            found[name] = trial.suggest_categorical(name, entry["choices"])
        elif entry.get("int", False):
            found[name] = trial.suggest_int(name, entry["low"], entry["high"], log=log)
        else:
            found[name] = trial.suggest_float(name, entry["low"], entry["high"], log=log)
    return found
