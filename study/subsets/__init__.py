"""Nested, stratified, patient-grouped label subsets: a pool of patients, random orders of it, and prefixes of those."""

from study.subsets.draws import Draw, Validation
from study.subsets.order import Unreachable
from study.subsets.pool import Kind, Label, Patient, Pool
from study.subsets.subset import Subset

__all__ = ["Draw", "Kind", "Label", "Patient", "Pool", "Subset", "Unreachable", "Validation"]
