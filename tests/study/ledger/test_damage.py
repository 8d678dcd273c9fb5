import random

import pyarrow.parquet as pq
import pytest

from study.ledger import Damaged, Ledger, UnknownVersion, check, frame, set_aside


@pytest.fixture
def study(tmp_path, make):
    ledger = Ledger(tmp_path)
    for number in range(30):
        ledger.commit("trials", make.trial(number), curves=make.curves(number))
    return tmp_path


@pytest.mark.parametrize("table", ["trials", "curves"])
def test_a_flipped_bit_is_found_or_harmless_but_never_read_as_data(study, table):
    path = study / table / "000000.parquet"
    whole, expected = path.read_bytes(), frame(study, table)
    chance, found = random.Random(3), 0
    for _ in range(150):
        flipped = bytearray(whole)
        flipped[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        path.write_bytes(flipped)
        try:
            assert frame(study, table).equals(expected)
        except (Damaged, UnknownVersion) as error:
            assert str(path) in str(error)
            found += 1
    assert found > 50


@pytest.mark.parametrize(
    ("content", "kind"), [(b"", "empty"), (b"PAR1", "damaged"), (b"not a table at all, but long enough", "damaged")]
)
def test_a_broken_file_is_named_with_what_to_do(study, content, kind):
    path = study / "trials" / "000001.parquet"
    path.write_bytes(content)
    for read in (lambda: frame(study, "trials"), lambda: frame(study, "curves"), lambda: Ledger(study)):
        with pytest.raises(
            Damaged, match="000001.parquet is damaged.*set it aside in .*damaged and run again"
        ) as caught:
            read()
        assert caught.value.exit_code == 5 and "\n" not in str(caught.value)
    assert [(finding.kind, finding.path) for finding in check(study)] == [(kind, str(path))]


def test_a_truncated_file_is_found(study):
    path = study / "curves" / "000000.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(Damaged, match="what it held"):
        frame(study, "curves")


def test_a_file_set_aside_is_kept_and_its_runs_can_be_committed_anew(study, make):
    path = study / "trials" / "000000.parquet"
    path.write_bytes(b"lost")
    (finding,) = [found for found in check(study) if found.kind == "damaged"]
    aside = set_aside(study, finding.path)
    assert open(aside, "rb").read() == b"lost" and frame(study, "trials").height == 0
    ledger = Ledger(study)
    assert ledger.keys("trials") == set()
    ledger.commit("trials", make.trial(3), curves=make.curves(3))
    assert frame(study, "curves").height == 20, "the curves of the lost trials are gone, not doubled"
    assert check(study) == []


def test_a_parquet_file_that_is_not_ours_is_refused_and_other_files_are_let_be(study):
    (study / "trials" / ".DS_Store").write_bytes(b"")
    assert frame(study, "trials").height == 30
    copy = study / "trials" / "000000 (copy).parquet"
    copy.write_bytes((study / "trials" / "000000.parquet").read_bytes())
    with pytest.raises(Damaged, match="copy.*move it"):
        frame(study, "trials")
    assert {(finding.kind, finding.path) for finding in check(study)} == {
        ("foreign", str(copy)),
        ("foreign", str(study / "trials" / ".DS_Store")),
    }


def test_a_lost_file_and_a_doubled_one_are_found(study):
    first = study / "trials" / "000000.parquet"
    first.rename(study / "trials" / "000002.parquet")
    (study / "trials" / "000003.parquet").write_bytes((study / "trials" / "000002.parquet").read_bytes())
    kinds = [finding.kind for finding in check(study)]
    assert kinds.count("missing") == 2 and kinds.count("duplicate") == 1
    with pytest.raises(Damaged, match="a key twice"):
        Ledger(study)


def test_a_file_of_another_version_or_another_table_is_not_read_as_ours(study):
    path = study / "trials" / "000000.parquet"
    rows = pq.read_table(path)
    pq.write_table(rows.replace_schema_metadata({"labelcurve.table": "trials", "labelcurve.version": "999"}), path)
    with pytest.raises(UnknownVersion, match="999"):
        frame(study, "trials")
    path.write_bytes((study / "curves" / "000000.parquet").read_bytes())
    with pytest.raises(Damaged, match="does not say that it holds trials"):
        frame(study, "trials")
