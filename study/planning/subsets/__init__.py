"""Nested, stratified, patient-grouped label subsets: a pool of patients, random orders of it, and prefixes of those."""

from study.planning.subsets.draw import Draw, Validation
from study.planning.subsets.patient_order import Unreachable
from study.planning.subsets.pool import Label, Pool, PoolPatient
from study.planning.subsets.subset import Subset

__all__ = ["Draw", "Label", "PoolPatient", "Pool", "Subset", "Unreachable", "Validation"]
