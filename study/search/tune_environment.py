"""Ray Tune without its chatter, its snapshots and its own idea of Ctrl-C."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

ENVIRONMENT = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "RAY_AIR_NEW_OUTPUT": "0",  # the newer output prints its tables even at verbosity 0
    "TUNE_GLOBAL_CHECKPOINT_S": str(10**9),  # a resumed search reads the ledger, never a snapshot
    "TUNE_RESULT_BUFFER_LENGTH": "1",  # an epoch is judged before the next begins
}


@contextmanager
def quiet_tune(*, pending: int) -> Iterator[None]:
    """Tune's settings for a search with at most ``pending`` trials waiting for a worker; undone afterwards."""
    settings = {**ENVIRONMENT, "TUNE_MAX_PENDING_TRIALS_PG": str(pending)}
    before = {name: os.environ.get(name) for name in settings}
    loggers = [logging.getLogger(name) for name in ("ray.tune", "ray.train", "ray.air")]
    levels = [logger.level for logger in loggers]
    os.environ.update(settings)
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
