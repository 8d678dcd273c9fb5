"""Rows as the driver commits them, small but with every kind of column in use."""

from datetime import UTC, datetime

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def trial(number: int, **columns) -> dict:
    row = {
        "key": f"{number:016x}",
        "fingerprint": f"f{number:015x}",
        "study": "one",
        "index": number % 10,
        "status": "completed",
        "initialisation": "scratch",
        "task": "finding",
        "size_kind": "count",
        "size_value": 8.0,
        "draw": number // 10,
        "adaptation": "full",
        "hp_lr": 0.001,
        "settings": {"lr": 0.001},
        "started_at": NOW,
        "ended_at": NOW,
        "objective": "auc",
        "score": number / 1000,
    }
    return row | columns


def final(number: int, **columns) -> dict:
    row = trial(number, search_budget=4, selected_trial=1, selection="search")
    del row["objective"], row["score"]
    return row | columns


def curves(number: int, epochs: int = 20) -> list[dict]:
    return [
        {"key": f"{number:016x}", "epoch": e, "step": e * 10, "split": "val", "metric": "auc", "value": e / 100}
        for e in range(epochs)
    ]


def predictions(number: int, samples: int = 3) -> list[dict]:
    return [
        {
            "key": f"{number:016x}",
            "split": "test",
            "sample": f"s{i}",
            "patient": f"p{i}",
            "labels": [1],
            "p": [0.25, 0.75],
        }
        for i in range(samples)
    ]


def scores(number: int) -> list[dict]:
    return [{"key": f"{number:016x}", "test_set": "test", "unit": "image", "metric": "auc", "value": 0.8}]
