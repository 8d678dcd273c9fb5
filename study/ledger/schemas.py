"""The columns of every table: one schema a table, the same in every study, so that a glob over many studies just works.

What a study does not use is null. `versions.LEDGER` stands in the metadata of every file and changes with any column.
Columns are only ever added: a file of an earlier version is read with nulls in those it lacks, and written anew when it
grows.
"""

import pyarrow as pa

from study import versions
from study.vocabulary import FACTORS, HYPERPARAMETERS

COMMITTED = ("pretraining", "trials", "finals")
"""Tables whose rows are commit points: a key is done when its row is here."""

DEPENDENTS = ("curves", "scores", "predictions")
"""Tables whose rows belong to a trial or a final run, and count only once that is committed."""

ATTEMPTS = "attempts"
"""Rows of trials and final runs that were set aside to be run again; their keys may stand in the tables once more."""

_TIME = pa.timestamp("us", tz="UTC")
_KINDS: dict[type, pa.DataType] = {str: pa.string(), int: pa.int32(), float: pa.float64()}


def _list(of: pa.DataType) -> pa.DataType:
    return pa.list_(pa.field("element", of))  # the name that Parquet itself prescribes


def _columns(kind: pa.DataType, names: str) -> list[tuple[str, pa.DataType]]:
    return [(name, kind) for name in names.split()]


_IDENTITY = [
    *_columns(pa.string(), "key fingerprint study"),
    *_columns(pa.int32(), "index"),
    *_columns(pa.string(), "status"),
]
_REALISED = [*_columns(pa.int32(), "n_train n_val n_patients"), *_columns(pa.string(), "label_unit")]
_FACTORS = []
for _factor in FACTORS:
    _FACTORS += _columns(_KINDS[_factor.type], _factor.name) + (_REALISED if _factor.name == "size_value" else [])
_INPUTS = [
    *_columns(pa.int64(), "seed"),
    *_columns(pa.string(), "subset_hash split_hash encoder_hash corpus_hash"),
]
_SETTINGS = [
    *((f"hp_{name}", _KINDS[kind]) for name, kind in HYPERPARAMETERS.items()),
    *_columns(pa.string(), "settings"),
]
_COST = [
    *_columns(pa.int32(), "epochs"),
    *_columns(pa.int64(), "images"),
    *_columns(pa.float64(), "seconds device_seconds"),
    *_columns(pa.string(), "error"),
    *_columns(_TIME, "started_at ended_at"),
]
_PROVENANCE = [
    *_columns(pa.string(), "version commit python torch device"),
    *_columns(pa.int32(), "threads"),
    *_columns(pa.string(), "host_os"),
]
_RUN = _IDENTITY + _FACTORS + _INPUTS + _SETTINGS + _COST + _PROVENANCE

_PRETRAINING = [
    *_columns(pa.string(), "key fingerprint study initialisation method"),
    *_columns(pa.int32(), "pretrain_seed"),
    *_columns(pa.int64(), "step images views pixels"),
    *_columns(pa.float64(), "flops seconds device_seconds"),
    *_columns(pa.int64(), "peak_memory"),
    *_columns(pa.float64(), "loss loss_over_trivial spread rank probe_knn probe_ridge lr"),
    *_columns(pa.string(), "probes schedule warning"),
    *_columns(pa.int32(), "world_size batch accumulate"),
    *_columns(pa.string(), "device"),
    *_columns(pa.int32(), "threads"),
    *_columns(pa.string(), "settings corpus_hash encoder_hash version commit torch"),
    *_columns(_TIME, "at"),
]
_CURVES = [
    *_columns(pa.string(), "key"),
    *_columns(pa.int32(), "epoch"),
    *_columns(pa.int64(), "step"),
    *_columns(pa.string(), "split metric"),
    *_columns(pa.float64(), "value"),
]
_SCORES = [
    *_columns(pa.string(), "key test_set corruption"),
    *_columns(pa.int32(), "severity"),
    *_columns(pa.string(), "unit metric"),
    *_columns(pa.float64(), "value"),
]
_PREDICTIONS = [
    *_columns(pa.string(), "key split test_set corruption"),
    *_columns(pa.int32(), "severity"),
    *_columns(pa.string(), "sample patient"),
    *_columns(_list(pa.int8()), "labels"),
    *_columns(_list(pa.float32()), "p"),
]
_TRIALS = [
    *_columns(pa.string(), "objective"),
    *_columns(pa.float64(), "score"),
    *_columns(pa.int32(), "pruned_at"),
    *_columns(pa.float64(), "audit_score"),
]
_FINALS = [*_columns(pa.int32(), "search_budget selected_trial"), *_columns(pa.string(), "selection")]


def _schema(table: str, columns: list[tuple[str, pa.DataType]]) -> pa.Schema:
    return pa.schema(columns, metadata={"labelcurve.table": table, "labelcurve.version": str(versions.LEDGER)})


TABLES: dict[str, pa.Schema] = {
    table: _schema(table, columns)
    for table, columns in {
        "pretraining": _PRETRAINING,
        "trials": [*_RUN, *_TRIALS],
        "finals": [*_RUN, *_FINALS],
        "curves": _CURVES,
        "scores": _SCORES,
        "predictions": _PREDICTIONS,
        "rejects": _columns(pa.string(), "digest reason series source"),
        ATTEMPTS: [*_columns(pa.string(), "table"), *_RUN, *_TRIALS, *_FINALS],
    }.items()
}
