"""A file that cannot be used is refused in one line that names file, row and what to do, and nothing is written."""

import polars as pl
import pytest

from study.errors import InputRefused
from study.imports import import_files


def at(row: int, **values):
    """The change of one row, counted from 1."""

    def change(frame: pl.DataFrame) -> pl.DataFrame:
        rows = frame.with_row_index("at", offset=1)
        return rows.with_columns(
            pl.when(pl.col("at") == row).then(pl.lit(value, frame.schema[name])).otherwise(name).alias(name)
            for name, value in values.items()
        ).drop("at")  # fmt: skip

    return change


FIRST_TEST, FIRST_VAL = 9, 5  # of the first run: 4 rows of training, 4 of validation, 24 of the test set
REFUSED = {
    "missing": (lambda f: f.drop("draw", "patient"), "lacks the columns draw, patient; add them"),
    "no labels": (lambda f: f.drop("label"), "lacks the columns label_0, label_1"),
    "no p": (lambda f: f.drop("p_0", "p_1"), r"lacks the columns p_0, p_1, \.\.\. \(a probability for each class"),
    "unknown": (lambda f: f.with_columns(drw=1), "unknown column 'drw'; did you mean 'draw'"),
    "gap in p": (lambda f: f.rename({"p_1": "p_2"}), "p_0 to p_1 are expected"),
    "text": (lambda f: at(3, size="many")(f.cast({"size": pl.String})), "row 3: size is 'many', and a whole"),
    "fraction": (lambda f: at(9, label=0.5)(f.cast({"label": pl.Float64})), "row 9: label is .*0.5.*a whole"),
    "empty": (at(7, task=None), "row 7: task is empty, and every row"),
    "negative": (at(2, draw=-1), "row 2: draw is -1, and 0 is the least"),
    "split": (at(4, split="dev"), "row 4: split is 'dev', and one of train, val, test"),
    "above 1": (at(FIRST_TEST, p_0=1.5, p_1=-0.5), "row 9: the probabilities 1.5, -0.5 lie outside 0 to 1"),
    "sum": (at(FIRST_VAL, p_0=0.5, p_1=0.6), "row 5: the probabilities 0.5, 0.6 sum to 1.1"),
    "no probability": (at(FIRST_TEST, p_1=None), "row 9: a probability is empty"),
    "label": (at(10, label=2), "row 10: label is 2, and a class from 0 to 1"),
    "no label": (at(10, label=None), "row 10: label is None"),
    "twice": (at(10, sample="test-0"), "row 10: sample 'test-0' is there twice in this run, initialisation scratch"),
    "patient": (at(9, patient="train-p0-0"), "row 9: patient 'train-p0-0' is in test and in train of one run"),
    "no test": (lambda f: f.filter((pl.col("split") != "test") | (pl.col("draw") > 0)), "row 1: .*no row of split t"),
    "other label": (at(33 + 8, label=1), "row 41: sample 'test-0' has another label here"),
    "other patient": (at(33 + 8, patient="else"), "row 41: sample 'test-0' has another patient here"),
    "other images": (at(33 + 8, sample="new"), "row 41: the test images of this run, .*, are not those of the"),
    "size": (lambda f: f.with_columns(size=pl.col("size") + 1), "row 1: size is 9, .* has 8 rows of split train and"),
    "no patients": (lambda f: f.filter(pl.col("split") != "train"), "row 1: .*not known from how many patients"),
    "corrupted train": (lambda f: f.with_columns(corruption=pl.lit("blur")), "row 1: .*belong to test rows"),
}  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("what", REFUSED)
def test_what_is_wrong_is_refused_by_name(what, form, predictions, key, tmp_path):
    change, words = REFUSED[what]
    file = tmp_path / f"theirs.{form}"
    changed = change(predictions)
    changed.write_csv(file) if form == "csv" else changed.write_parquet(file)
    with pytest.raises(InputRefused, match=f"theirs.{form}: .*{words}") as refused:
        import_files([file], tmp_path / "results" / "theirs", key=key)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "results").exists()


def test_files_that_are_none_are_refused(key, tmp_path):
    (tmp_path / "text.parquet").write_text("no Parquet")
    (tmp_path / "empty.csv").write_text("")
    for name, words in (("absent.csv", "no such file"), ("text.parquet", "no Parquet file"), ("empty.csv", "no CSV")):
        with pytest.raises(InputRefused, match=words):
            import_files([tmp_path / name], tmp_path / "theirs", key=key)


def test_files_of_other_classes_are_imported_by_themselves(predictions, key, tmp_path):
    predictions.write_csv(tmp_path / "two.csv")
    three = predictions.with_columns(p_2=pl.when(pl.col("split") != "train").then(0.0), task=pl.lit("organs"))
    three.write_csv(tmp_path / "three.csv")
    with pytest.raises(InputRefused, match="three.csv: .*are not those of .*two.csv"):
        import_files([tmp_path / "two.csv", tmp_path / "three.csv"], tmp_path / "theirs", key=key)
