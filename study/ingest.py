"""The first stage of a run: the study's corpus and tasks, from their sources into the store."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.config import Study
from study.data import remote_store
from study.data.dicom_corpus import ingest_corpus
from study.data.frozen_task import FrozenTask, TaskPreview, freeze_task, preview_task
from study.data.pseudonyms import PseudonymKey
from study.data.slice_store import SliceStore
from study.errors import InputRefused
from study.fields import data_paths
from study.identity import digest
from trainables.contracts import CorpusImageRows, ProbeTask


@dataclass(frozen=True)
class Ingested:
    """What pre-training and fine-tuning read.

    tasks: with their frozen splits. sources: the corpus, all rows of a DICOM store and the training rows of a task's.
    corpus_hash: of those images, wherever they lie and whatever key their
    pseudonyms were made with; corpus_size: their number. rejects: rows of the ledger's table.
    """

    tasks: dict[str, FrozenTask]
    sources: list[CorpusImageRows]
    corpus_hash: str
    corpus_size: int
    rejects: list[dict[str, Any]]

    def probe_tasks(self) -> list[ProbeTask]:
        """The tasks' training images with labels and patients (as numbers), for probes of encoders in the making.

        Left out are tasks with outer folds, of which every patient is tested, and with several findings an image.
        """
        return [_probe_task(task) for task in self.tasks.values() if task.kind == "single" and not task.folds]


def check_sources(study: Study) -> None:
    """Refuse a study whose folders or files are not there, before anything is read."""
    for at, kind, path in data_paths(study):
        if not (path.is_file() if kind == "file" else path.is_dir()):
            setting = ".".join(at)
            raise InputRefused(
                f"{setting}: there is no {kind} {path}; mend the path, or set `data` to where the data lie"
            )


def ingest(study: Study, *, store: str | Path, key: PseudonymKey | None) -> Ingested:
    """Read what was never read before; open what was. Splits are frozen here, before anything else may depend on them.

    ``store`` is a folder, or the URL of one in an object store.

    Raises:
        InputRefused: where a source is missing, unusable, or was read under another pseudonym key.
    """
    folder = remote_store.local_side(store)
    tasks = {
        name: freeze_task(name, task, store=folder, key=key, seed=study.seed) for name, task in study.tasks.items()
    }
    origins = study.corpus.sources() if study.pretraining.methods else []
    corpora = [ingest_corpus(origin, store=folder, key=key) for origin in origins]
    sources = [CorpusImageRows(corpus.images, None) for corpus in corpora]
    for name in study.corpus.task_images:
        rows = tasks[name].samples.filter(role="train")["row"].sort().to_list()
        sources.append(CorpusImageRows(tasks[name].images, rows))
    stores = [SliceStore.open(source.images.uri) for source in sources]
    corpus_hash = digest([(store.content, source.rows) for store, source in zip(stores, sources, strict=True)])
    size = sum(
        len(store if source.rows is None else source.rows) for store, source in zip(stores, sources, strict=True)
    )
    rejects = [row for corpus in corpora for row in corpus.rejects]
    return remote_store.published(Ingested(tasks, sources, corpus_hash, size, rejects), store)


def _probe_task(task: FrozenTask) -> ProbeTask:
    samples = task.samples.filter(role="train").sort("row")
    numbers = {patient: number for number, patient in enumerate(samples["token"].unique(maintain_order=True))}
    return ProbeTask(
        name=task.name,
        images=task.images,
        rows=samples["row"].to_list(),
        labels=samples["label"].to_list(),
        patients=[numbers[token] for token in samples["token"]],
        classes=len(task.classes),
    )


def preview(study: Study) -> dict[str, TaskPreview]:
    """The tasks as `ingest` would freeze them; nothing is decoded, nothing stays behind."""
    return {name: preview_task(name, task, seed=study.seed) for name, task in study.tasks.items()}
