"""The first stage of a run: the study's corpus and tasks, from their sources into the store."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.data.corpus import Corpus, ingest_corpus
from study.data.pseudonyms import PseudonymKey
from study.data.tasks import FrozenTask, TaskPreview, freeze_task, preview_task
from study.errors import InputRefused
from study.keys import digest
from study.spec import Study


@dataclass(frozen=True)
class Ingested:
    """What pre-training and fine-tuning read: stores by digest, and tasks with their frozen splits."""

    corpora: list[Corpus]
    tasks: dict[str, FrozenTask]

    def pretraining_sources(self, study: Study) -> list[dict[str, Any]]:
        """The corpus as (uri, digest, rows): all of each DICOM store, the training rows of each named task."""
        whole: list[dict[str, Any]] = [
            {"uri": c.images.uri, "digest": c.images.digest, "rows": None} for c in self.corpora
        ]
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
    tasks = {
        name: freeze_task(name, task, store=store, key=key, seed=study.seed, say=say)
        for name, task in study.tasks.items()
    }
    sources = study.corpus.sources() if study.pretraining.methods else []
    return Ingested([ingest_corpus(source, store=store, key=key, say=say) for source in sources], tasks)


def preview(study: Study) -> dict[str, TaskPreview]:
    """The tasks as `ingest` would freeze them; nothing is decoded, nothing stays behind."""
    return {name: preview_task(name, task, seed=study.seed) for name, task in study.tasks.items()}
