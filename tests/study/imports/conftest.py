from itertools import product

import numpy as np
import polars as pl
import pytest

from study.data.pseudonyms import PseudonymKey

PATIENTS, IMAGES = 12, 2


@pytest.fixture
def key():
    return PseudonymKey(b"a secret of sixteen characters")


@pytest.fixture
def predictions():
    """2 initialisations x 2 sizes x 3 draws x 2 seeds, with rows of all three splits; `spark` is the better one."""
    rng = np.random.default_rng(3)
    return pl.DataFrame(
        [row for run in product(("scratch", "spark"), (8, 16), range(3), range(2)) for row in _run(rng, *run)],
        infer_schema_length=None,
    )


def _run(rng, initialisation, size, draw, seed):
    """4 images of validation, the other labels of training, and the test set."""
    factors = {"initialisation": initialisation, "pretrain_seed": 0, "task": "lungs", "adaptation": "linear",
               "size": size, "draw": draw, "final_seed": seed}  # fmt: skip
    for split, pool, count in (("train", draw, size - 4), ("val", draw, 4), ("test", "", PATIENTS * IMAGES)):
        for number in range(count):
            patient = number // IMAGES
            label = patient % 2
            logit = (label - 0.5) * (0.6 + size / 10 + 2 * (initialisation == "spark")) + rng.normal() * 1.4
            p = float(1 / (1 + np.exp(-logit)))
            yield factors | {
                "split": split, "sample": f"{split}{pool}-{number}", "patient": f"{split}-p{pool}-{patient}",
                "label": label, "p_0": None if split == "train" else 1 - p, "p_1": None if split == "train" else p,
            }  # fmt: skip
