"""What ingest leaves behind is identified by content: neither keys nor places play a part."""

import numpy as np
import pytest
from PIL import Image

from study.config import Study
from study.data.pseudonyms import PseudonymKey
from study.execution.cell_context import CellContext
from study.ingest import ingest
from study.planning.plan import make_plan
from study.storage.file_ref import FileRef


@pytest.fixture
def study(tmp_path):
    pixels, lines = np.random.default_rng(0), ["file,label,patient"]
    for i in range(40):
        Image.fromarray(pixels.integers(0, 255, (40, 40), dtype=np.uint8)).save(tmp_path / f"{i}.png")
        lines.append(f"{i}.png,{'ill' if i % 2 else 'healthy'},Jane Doe {i}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    return Study.model_validate(
        {
            "name": "mine",
            "corpus": {"task_images": ["lung"]},
            "tasks": {"lung": {"images": tmp_path, "labels": tmp_path / "labels.csv", "positive": "ill"}},
            "pretraining": {"methods": {"spark": {}}},
            "adaptations": {"full": {"sizes": {"share": [1.0]}, "draws": 1}},
        }
    )


def test_another_pseudonym_key_changes_no_hash(study, tmp_path):
    def run(name: str):
        key = PseudonymKey(name.encode() * 16)
        ingested = ingest(study, store=tmp_path / f"store-{name}", key=key)
        plan = make_plan(study, ingested.tasks)
        encoders = {encoder.name: FileRef("", encoder.name) for encoder in plan.encoders}
        grid = CellContext(study, plan, ingested, encoders, {}, None, 1, None, None)
        return ingested, [grid.fingerprint(cell, {"lr": 0.1}) for cell in plan.cells]

    (one, prints), (two, others) = run("a"), run("b")
    assert one.tasks["lung"].images.digest != two.tasks["lung"].images.digest  # the pseudonyms do differ
    assert one.corpus_hash == two.corpus_hash
    assert prints == others


def test_the_corpus_holds_training_rows_alone(study, tmp_path):
    ingested = ingest(study, store=tmp_path / "store", key=PseudonymKey(b"k" * 16))
    roles = dict(ingested.tasks["lung"].samples.select("row", "role").iter_rows())
    (source,) = ingested.sources
    assert source.rows and {roles[row] for row in source.rows} == {"train"}
