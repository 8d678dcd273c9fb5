import pytest

from study.data.labels_csv import classes_of, read_labels
from study.errors import InputRefused


@pytest.fixture
def read(tmp_path):
    def write_and_read(text, encoding="utf-8"):
        (tmp_path / "labels.csv").write_text(text, encoding=encoding)
        return read_labels(tmp_path / "labels.csv")

    return write_and_read


def test_mark_spaces_blank_lines_and_further_columns_are_no_matter(read):
    rows, with_patients = read(
        "file , label, age,patient,split\n a.png ,yes,3, P 1 ,Train\n\nb.png, no,4,P2,test\n", "utf-8-sig"
    )
    assert with_patients
    assert [(r.line, r.file, r.label, r.patient, r.split) for r in rows] == [
        (2, "a.png", "yes", "P 1", "train"),
        (4, "b.png", "no", "P2", "test"),
    ]


def test_without_patients_each_image_is_one(read):
    rows, with_patients = read("file,label\na,x\nb,y\n")
    assert not with_patients and [row.patient for row in rows] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column 'file' in line 1"),
        ("flie,label\na,x\n", "no column 'file' in line 1; did you mean 'flie'"),
        ("file,label,label\na,x,y\n", "column 'label' stands twice"),
        ("file,label\n", "no rows"),
        ("file,label,Patient\na,x,P\n", "column 'Patient' in line 1 is not read; rename it 'patient'"),
        ("file,label,patient_id\na,x,P\n", "column 'patient_id'.*'patient'"),
        ("file,label,Patients\na,x,P\n", "column 'Patients'.*'patient'"),
        ("file,label,pateint\na,x,P\n", "column 'pateint'.*'patient'"),
        ("file,label,patient,Split\na,x,P,train\n", "column 'Split'.*'split'"),
        ("file,label,spilt\na,x,train\n", "column 'spilt'.*'split'"),
        ("file,label\na,x\nb,\n", "line 3: column 'label' is empty"),
        ("file,label\na,x\nb\n", "line 3: column 'label' is empty"),
        ("file,label,patient\na,x,\n", "line 2: column 'patient' is empty"),
        ("file,label,split\na,x,tran\n", r"line 2 \(a\): unknown split 'tran'; did you mean 'train'"),
        ("file,label,split\na,x,train\nb,y,\n", "column split is empty on line 3"),
        (
            "file,label,patient,split\na,x,P,train\nb,y,Q,test\nc,y,P,test\n",
            r"one patient is in 2 splits \(test on line 4, train on line 2; lines 2, 4\)",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_line(read, text, message):
    with pytest.raises(InputRefused, match=f"labels.csv.*{message}"):
        read(text)


@pytest.mark.parametrize("column", ["age", "site", "patient_age", "scanner", "slice", "notes", "inpatient_ward"])
def test_other_columns_are_ignored(read, column):
    rows, with_patients = read(f"file,label,{column}\na,x,1\nb,y,2\n")
    assert len(rows) == 2 and not with_patients


def test_a_second_column_about_patients_is_ignored_beside_the_right_one(read):
    rows, with_patients = read("file,label,patient,patient_id\na,x,P,1\n")
    assert with_patients and rows[0].patient == "P"


def test_a_missing_or_binary_file_is_refused(tmp_path):
    with pytest.raises(InputRefused, match="no such labels file"):
        read_labels(tmp_path / "labels.csv")
    (tmp_path / "labels.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputRefused, match="UTF-8"):
        read_labels(tmp_path / "labels.csv")


def test_classes_are_coded_with_the_positive_one_last(read, tmp_path):
    rows, _ = read("file,label\na,ill\nb,well\n")
    assert classes_of(tmp_path, rows, "ill") == (["well", "ill"], "ill")
    assert classes_of(tmp_path, rows, None) == (["ill", "well"], "well")
    rows, _ = read("file,label\na,1\nb,2\nc,3\n")
    assert classes_of(tmp_path, rows, None) == (["1", "2", "3"], None)
    assert classes_of(tmp_path, rows, "1") == (["2", "3", "1"], "1")


def test_one_class_or_an_unknown_positive_is_refused(read, tmp_path):
    rows, _ = read("file,label\na,x\nb,x\n")
    with pytest.raises(InputRefused, match="two classes"):
        classes_of(tmp_path, rows, None)
    rows, _ = read("file,label\na,COVID\nb,normal\n")
    with pytest.raises(InputRefused, match="'covdi'; did you mean 'COVID'"):
        classes_of(tmp_path, rows, "covdi")
