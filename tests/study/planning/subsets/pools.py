"""Made-up pools, and hypothesis strategies that draw them."""

import numpy as np
import polars as pl
from hypothesis import strategies as st

from study.planning.subsets import Pool

ROLES = st.sampled_from(["train", "val", "test"])


def samples_of(patients):
    """A frozen task's samples, from (role, labels of the patient's images)."""
    rows = [
        {"row": None, "digest": f"d{p}-{i}", "token": f"t{p}", "role": role, "label": label}
        for p, (role, labels) in enumerate(patients)
        for i, label in enumerate(labels)
    ]
    return pl.DataFrame(rows).with_columns(row=pl.int_range(pl.len()))


def pool_of(patients, classes=3, kind="single"):
    return Pool.of(samples_of(patients), [f"c{code}" for code in range(classes)], kind)


def patients(labels, *, min_size=4, max_size=40, images=5):
    """Lists of (role, labels of the patient's images)."""
    each = st.tuples(ROLES, st.lists(labels, min_size=1, max_size=images))
    return st.lists(each, min_size=min_size, max_size=max_size).filter(
        lambda drawn: {"train", "val"} <= {role for role, _ in drawn}
    )


single = patients(st.integers(0, 2))
multi = patients(st.lists(st.integers(0, 1), min_size=2, max_size=2))


def tokens(subset):
    tokens = np.array([patient.token for patient in subset.draw.patients], object)
    return set(tokens[subset.chosen])
