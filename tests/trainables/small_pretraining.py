"""What short pre-training runs have in common; each names its method, its sources and its size beside these."""

SMALL_PRETRAINING = {
    "window": (0.0, 1.0),
    "seed": 0,
    "accumulate": 1,
    "device_seconds": None,
    "threads": 1,
    "gpus": 0,
    "checkpoint_every": 100,
    "log_every": 1,
    "start": None,
    "resume": None,
    "precision": "auto",
    "compile": False,
    "sync_batch_norm": True,
    "probes": 0,
    "probe_tasks": [],
}
"""Fields of a `PretrainConfig` for the CPU."""
