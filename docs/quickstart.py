"""The README's figure, its table and its caption, from a quickstart that was run: `make figure`.

python docs/quickstart.py results/quickstart
"""

import re
import shutil
import sys
from pathlib import Path

import polars as pl

ROOT = Path(__file__).parents[1]
FIGURE, TABLE = ROOT / "examples" / "quickstart.png", ROOT / "examples" / "quickstart.csv"
CAPTION = re.compile(r"^\*The figure of `make quickstart`.*?\*$", re.MULTILINE | re.DOTALL)
COLUMNS = ["adaptation", "initialisation", "size_value", "n_labels", "n_patients", "mean", "low", "high"]


def curves(study: Path) -> pl.DataFrame:
    """AUC per patient by adaptation, initialisation and number of labels, to three digits."""
    table = pl.read_csv(study / "figures" / "label_efficiency.csv", infer_schema_length=None)
    auc = table.filter(metric="auc", unit="patient").select(COLUMNS)
    return auc.with_columns(pl.col("mean", "low", "high").round(3))


def caption(table: pl.DataFrame) -> str:
    """What the README says under the figure: the scores of each adaptation with the fewest and with the most labels."""
    lines = [
        "*The figure of `make quickstart`, a phantom that is built so that pre-training helps; nothing is downloaded."
    ]
    for adaptation, words in {"linear": "AUC of a linear probe", "full": "Of a short fine-tuning"}.items():
        of = table.filter(adaptation=adaptation)
        few, most = (of.filter(n_labels=count) for count in (of["n_labels"].min(), of["n_labels"].max()))
        lines += [f"{words}: {_both(few)},", f"{_both(most)}."]
    return "\n".join(lines) + "*"


def _both(at: pl.DataFrame) -> str:
    spark, scratch = (at.filter(initialisation=name).row(0, named=True) for name in ("spark", "scratch"))
    return f"with {spark['n_labels']:.0f} labels {_score(spark)} after SparK and {_score(scratch)} from scratch"


def _score(row: dict) -> str:
    return f"{row['mean']:.2f} ({row['low']:.2f} to {row['high']:.2f})"


def main(study: Path) -> None:
    table = curves(study)
    table.write_csv(TABLE)
    shutil.copyfile(study / "figures" / "learning_curves.png", FIGURE)
    readme = ROOT / "README.md"
    readme.write_text(CAPTION.sub(lambda _: caption(table), readme.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
