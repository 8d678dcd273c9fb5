"""The version of everything that is stored, with a line for each change.

The rule for a new one: only what a change affects gets a new fingerprint, so a new field is left out of fingerprints at
its old value, and a constant here is raised only where the same input now gives another result. What an older version
stored stays readable and is continued under the rule that it began with, or it is refused in one line that says how to
go on.
"""

RESULTS = 3
"""Part of the fingerprint of every trial, final run and encoder: raised where a change of the code changes scores.

1: the first. 2: pre-training entries with starts and budgets of their own. 3: Sinkhorn in logarithms, normalisation
without a shift, mask embeddings without weight decay.
"""

LEDGER = 3
"""The columns of the tables. Columns are only ever added: earlier versions are read with nulls in what they lack.

1: the first. 2: what pre-training spent, probed and scheduled. 3: audited trials, and ``attempts``.
"""
READABLE_LEDGERS = frozenset(str(version) for version in range(1, LEDGER + 1))

SLICE_STORE = "1"
"""The layout of a store of images. 1: the first."""

CORPUS = 1
"""Raised where the same DICOM files would give other slices. 1: the first."""

TASK = 1
"""Raised where the same labelled files would give another task. 1: the first."""

EXTERNAL_TEST_SET = 1
"""Raised where the same files would give another test set. 1: the first."""

PHANTOM = 1
"""Raised where the same settings would give other images. 1: the first."""

RESIZED = 1
"""Part of the name of resized images on a node: raised where resizing would give other values. 1: the first."""

FEATURES = 1
"""Part of the name of an encoder's features on a node: raised where they would have other values. 1: the first."""
