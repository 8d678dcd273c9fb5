"""Whether training had levelled is said plainly."""

import polars as pl
import pytest

from analysis.statistics.convergence import levelled


def curves(*losses):
    at = {"task": "t", "setting": "full fine-tuning", "split": "train", "metric": "loss"}
    rows = [
        at | {"cell": f"c{k}", "epoch": e + 1, "value": v}
        for k, values in enumerate(losses) for e, v in enumerate(values)
    ]  # fmt: skip
    return pl.DataFrame(rows)


def test_a_loss_that_still_falls_in_the_last_fifth_has_not_levelled():
    falling = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
    (row,) = levelled(curves(falling)).to_dicts()
    assert row["last_fifth"] == pytest.approx(0.2 / 0.9)
    assert row["verdict"].startswith("not levelled")


def test_the_verdict_is_that_of_most_cells():
    flat = [1.0, 0.6, 0.3, 0.2, 0.11, 0.1, 0.1, 0.1, 0.1, 0.1]
    (row,) = levelled(curves(flat, flat, [1.0 - 0.1 * k for k in range(10)])).to_dicts()
    assert (row["cells"], row["epochs"], row["verdict"]) == (3, 10, "levelled")
    assert row["share_levelled"] == pytest.approx(2 / 3)


def test_a_loss_that_never_fell_or_a_single_step_is_not_called_levelled():
    assert levelled(curves([1.0] * 10)).row(0, named=True)["verdict"].startswith("not levelled")
    assert levelled(curves([0.3])).row(0, named=True)["verdict"] == "fitted in one step"
