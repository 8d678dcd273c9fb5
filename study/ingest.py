"""The first stage of a run: the study's corpus and tasks, from their sources into the store."""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from study.data import phantom
from study.data.corpus import Corpus, ingest_corpus
from study.data.pseudonyms import PHANTOM_KEY, PseudonymKey
from study.data.tasks import FrozenTask, freeze_task, preview_task
from study.errors import InputRefused
from study.keys import digest
from study.spec import PhantomSettings, Study, Task


@dataclass(frozen=True)
class Ingested:
    """What pre-training and fine-tuning read: stores by digest, and tasks with their frozen splits."""

    corpora: list[Corpus]
    tasks: dict[str, FrozenTask]

    def pretraining_sources(self, study: Study) -> list[dict]:
        """The corpus as (uri, digest, rows): all of each DICOM store, the training rows of each named task."""
        whole = [{"uri": c.images.uri, "digest": c.images.digest, "rows": None} for c in self.corpora]
        for name in study.corpus.task_images:
            task = self.tasks[name]
            rows = task.samples.filter(role="train")["row"].sort().to_list()
            whole.append({"uri": task.images.uri, "digest": task.images.digest, "rows": rows})
        return whole

    def corpus_hash(self, study: Study) -> str:
        """Of the bytes and rows that pre-training sees, wherever they lie."""
        return digest([(source["digest"], source["rows"]) for source in self.pretraining_sources(study)])


def check_sources(study: Study) -> None:
    """Refuse a study whose folders or files are not there, before anything is read."""
    wanted = {f"corpus.dicom[{i}]": folder for i, folder in enumerate(study.corpus.dicom)}
    for name, task in study.tasks.items():
        wanted |= {f"tasks.{name}.{of}": path for of in ("images", "labels") if (path := getattr(task, of))}
    for setting, path in wanted.items():
        if not (path.is_file() if setting.endswith(".labels") else path.is_dir()):
            kind = "file" if setting.endswith(".labels") else "folder"
            raise InputRefused(
                f"{setting}: there is no {kind} {path}; mend the path, or set `data` to where the data lie"
            )


def ingest(study: Study, *, store: Path, key: PseudonymKey | None, say: Callable[[str], None]) -> Ingested:
    """Read what was never read before; open what was. Splits are frozen here, before anything else may depend on them.

    Raises:
        InputRefused: where a source is missing, unusable, or was read under another pseudonym key.
    """
    tasks = {}
    for name, task in study.tasks.items():
        source = _with_phantom(task, store)
        of = PHANTOM_KEY if task.phantom else key
        tasks[name] = freeze_task(name, source, store=store, key=of, seed=study.seed, say=say)
    corpora = []
    if study.pretraining.methods:
        for folder in study.corpus.dicom:
            corpora.append(ingest_corpus(folder, store=store, key=key, say=say))
        if study.corpus.phantom:
            folder = _phantom(study.corpus.phantom, store, "corpus", phantom.write_corpus)
            corpora.append(ingest_corpus(folder, store=store, key=PHANTOM_KEY, say=say))
    return Ingested(corpora, tasks)


def preview(study: Study, say: Callable[[str], None]) -> dict[str, FrozenTask]:
    """The tasks as `ingest` would freeze them; nothing is decoded, nothing stays behind."""
    with tempfile.TemporaryDirectory(prefix="labelcurve-") as folder:
        return {
            name: preview_task(name, _with_phantom(task, Path(folder)), seed=study.seed, say=say)
            for name, task in study.tasks.items()
        }


def _with_phantom(task: Task, store: Path) -> Task:
    """A phantom task as the labelled image folder that it stands for."""
    if task.phantom is None:
        return task
    folder = _phantom(task.phantom, store, "task", phantom.write_task)
    return task.model_copy(update={"images": folder, "labels": folder / "labels.csv"})


def _phantom(settings: PhantomSettings, store: Path, kind: str, write: Callable) -> Path:
    """A phantom's files, made once: they appear under their name only when whole."""
    folder = store / f"phantom-{kind}-{digest(settings.model_dump(), length=12)}"
    if not folder.exists():
        store.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=".phantom-", dir=store))
        write(settings, unfinished)
        os.replace(unfinished, folder)
    return folder
