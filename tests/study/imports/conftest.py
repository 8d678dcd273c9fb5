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
    """2 initialisations x 2 sizes x 3 draws x 2 seeds, with rows of all three splits; more labels and `spark` are better."""
    return made()


def made(classes: int = 2) -> pl.DataFrame:
    rng = np.random.default_rng(3)
    rows = []
    for initialisation in ("scratch", "spark"):
        for size in (8, 16):
            for draw in range(3):
                for seed in range(2):
                    run = {"initialisation": initialisation, "pretrain_seed": 0, "task": "lungs", "adaptation": "linear",
                           "size": size, "draw": draw, "final_seed": seed}  # fmt: skip
                    own = [f"d{draw}-{i}" for i in range(size)]
                    for split, names in (("train", own[4:]), ("val", own[:4]), ("test", range(PATIENTS * IMAGES))):
                        for i, name in enumerate(names):
                            label = (i // IMAGES) % classes
                            skill = 0.3 + size / 20 + (initialisation == "spark")
                            logits = np.eye(classes)[label] * skill + rng.normal(size=classes)
                            p = np.exp(logits) / np.exp(logits).sum()
                            rows.append(run | {
                                "split": split, "sample": f"{split}-{name}", "patient": f"{split}-p{draw if split != 'test' else ''}-{i // IMAGES}",
                                "label": label} | {f"p_{c}": None if split == "train" else float(p[c]) for c in range(classes)})  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None)
