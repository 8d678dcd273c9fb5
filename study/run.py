"""The driver: the one process that takes a study from its file to its report, and the only one that commits."""

import logging
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from analysis.report.claims_text import examined
from analysis.report.compare import compare
from analysis.report.report import write_report
from analysis.tables import load
from cluster.errors import ClusterUnavailable
from cluster.session import Resources, session
from study.config import Study
from study.config.load import read_claims
from study.console import Console, shown
from study.data.pseudonyms import PseudonymKey, find_key
from study.errors import InputRefused, SurroundingsFailed
from study.execution.cell_context import CellContext, run_adaptation
from study.execution.retries import free_failed
from study.execution.worker import RunJob
from study.failpoints import failpoint
from study.finals.stage import failed_cells, final_stage
from study.ingest import check_sources, ingest
from study.ledger import Ledger, lock
from study.planning.accepted import accept, accepted, check_accepted, claims_made, planned, spaces
from study.planning.plan import make_plan
from study.pretraining.encoder_weights import check_models, check_weights
from study.pretraining.encoders import Encoders
from study.pretraining.features import make_features
from study.search.stage import search_stage
from study.storage import Storage
from study.storage.storage import TMP
from study.tracking import open_mirror

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """Where the report lies (a path or URL), and how many cells have no score since all their runs failed."""

    report: str
    failed_cells: int


def run_study(
    study: Study,
    results: str | Path,
    *,
    store: str | Path | None = None,
    address: str | None = None,
    key_file: Path | None = None,
    run_job: RunJob = run_adaptation,
    retry: Collection[str] = (),
) -> Outcome:
    """Run a study, or go on with it; what the ledger holds is never run again, but for trials and final runs that ended
    with one of the statuses ``retry``.

    ``results`` and ``store`` are folders, or URLs of object stores with conditional writes.

    ``run_job`` does one trial or final run on a worker; by default the adaptation that the job names.

    Raises:
        InputRefused: before anything is computed, for whatever in study, data or weights cannot be used.
        SurroundingsFailed: where another driver holds the study, or disk or cluster fail.
    """
    there = Storage(results)
    root = there.full(study.name)
    try:
        with _console(there.below(study.name)):
            check_accepted(root, study)
            check_sources(study)
            check_models(study)
            check_weights(study, root)
            with lock(root) as storage:
                failpoint("lock-taken")
                _sweep(storage)
                return _run(study, storage, store or there.full("store"), address, key_file, run_job, retry)
    except ClusterUnavailable as error:
        raise SurroundingsFailed(str(error)) from None


def report(root: str | Path | Storage) -> str:
    """Write the report of a study's folder anew from what its ledger holds."""
    storage = Storage.at(root)
    spec, cells = accepted(storage) or {}, planned(storage).cells.to_dicts()
    spec["claims"] = claims_made(storage)
    if spec.get("imported"):
        spec |= {"name": f"{spec['name']} (imported predictions)"}
    return write_report(storage, spec=spec, planned=cells, spaces=spaces(spec))


def compared_report(first: str, second: str, *, to: str | None = None) -> str:
    """Write a page of two studies' folders side by side into a folder of its own."""
    studies = [Storage(first), Storage(second)]
    names = [storage.root.rpartition("/")[2] for storage in studies]
    if studies[0].root == studies[1].root:
        raise InputRefused(f"{first}: --compare takes two different studies")
    folder = Storage(to or f"compare-{names[0]}-{names[1]}")
    if folder.list("spec"):
        raise InputRefused(f"{folder.root}: this folder holds a study; name another one with --to")
    return compare([(storage, accepted(storage) or {}) for storage in studies], folder)


def examine(root: str | Path | Storage, file: Path) -> list[str]:
    """What results say to the claims and goals of a file, in lines; raises InputRefused for what it cannot ask."""
    storage = Storage.at(root)
    asked = read_claims(file, accepted(storage) or {}).model_dump()
    return examined(load(storage), asked["claims"], asked["goals"])


def _run(
    study: Study,
    storage: Storage,
    store: str | Path,
    address: str | None,
    key_file: Path | None,
    run_job: RunJob,
    retry: Collection[str],
) -> Outcome:
    ingested = ingest(study, store=store, key=_key(study, key_file))
    plan = make_plan(study, ingested.tasks)
    accept(storage, study, plan)
    ledger = Ledger(storage, failpoint=failpoint)
    tracked = _tracked(storage) if study.track == "aim" else None
    ledger.append("rejects", ingested.rejects)
    failpoint("plan-made")
    if retry:
        trials, finals = free_failed(ledger, retry)
        log.info(f"{trials} trials and {finals} final runs that ended as {' or '.join(retry)} are run again")
    for reason in plan.left_out:
        log.info(f"left out: {reason}")
    log.info(f"{len(plan.pretraining_runs)} pre-training runs, {len(plan.cells)} cells, results in {storage.root}")
    with session(address) as resources, open_mirror(tracked) as mirror:
        pretraining_slots, slots = _slots(study, resources)
        encoders = Encoders(study, plan, ledger, ingested, mirror, pretraining_slots).make()
        features = make_features(study, plan, ingested.tasks, encoders, storage=storage)
        context = CellContext(
            study=study,
            plan=plan,
            ingested=ingested,
            encoders=encoders,
            features=features,
            ledger=ledger,
            slots=slots,
            run_job=run_job,
            mirror=mirror,
        )
        for adaptation in study.adaptations:
            with tempfile.TemporaryDirectory(prefix="labelcurve-") as folder:
                search_stage(context, adaptation, root=storage.root, folder=Path(folder))
        failpoint("searched")
        for adaptation in study.adaptations:
            final_stage(context, adaptation)
    failpoint("scored")
    storage.remove("train")
    failed = failed_cells(context)
    if failed:
        log.info(f"{failed} cells have no score, since every trial or final run of theirs failed")
    log.info("report")
    return Outcome(report(storage), failed)


@contextmanager
def _console(storage: Storage) -> Iterator[None]:
    """What is logged is shown, and kept below the results; an object store gets the log when the run ends."""
    with tempfile.TemporaryDirectory(prefix="labelcurve-") as folder:
        local = storage.local_root
        kept = (local / "log" if local else Path(folder)) / "run.log"
        try:
            with shown(Console(kept)):
                yield
        finally:
            if not local and kept.exists():
                storage.write_atomic(f"log/{datetime.now(UTC):%Y%m%dT%H%M%S}.log", kept.read_bytes())


def _tracked(storage: Storage) -> Path | None:
    """The folder of the Aim repository, beside the studies; Aim writes to a disk alone."""
    if storage.local_root is None:
        log.info("track: aim is left out: Aim writes to a local disk, and the results are in an object store")
        return None
    return storage.local_root.parent


def _sweep(storage: Storage) -> None:
    """Remove what killed drivers left half written on a disk; whoever holds the lock is the only one who writes."""
    if storage.local_root is not None:
        left = [*(storage.local_root / TMP).glob("*"), *(storage.local_root / "features").glob("*.tmp")]
        for path in left:
            path.unlink(missing_ok=True)


def _slots(study: Study, cluster: Resources) -> tuple[int, int]:
    """How many pre-training runs, and trials, go on at once; refuses what the cluster could never place, which Ray
    would wait for for ever."""
    found = []
    for stage, slot, workers in (
        ("pretraining", study.resources.pretraining, study.resources.pretraining.workers),
        ("trial", study.resources.trial, 1),
    ):
        for kind, wanted, there in (("cpus", slot.cpus, cluster.cpus), ("gpus", slot.gpus, cluster.gpus)):
            if wanted * workers > there:
                raise InputRefused(
                    f"resources.{stage} asks for {wanted * workers:g} {kind} and there are {there}; "
                    f"lower it with --set resources.{stage}.{kind}=..."
                )
        by_cpu = cluster.cpus // (slot.cpus * workers)
        found.append(min(by_cpu, int(cluster.gpus / (slot.gpus * workers))) if slot.gpus else by_cpu)
    return found[0], found[1]


def _key(study: Study, key_file: Path | None) -> PseudonymKey | None:
    """Real patients need the user's key; phantoms have a public one of their own."""
    real = study.corpus.dicom or any(not task.reader.public for task in study.tasks.values())
    return find_key(key_file, make=True) if real else None
