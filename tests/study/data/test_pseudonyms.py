import pytest

from study.data import pseudonyms
from study.data.pseudonyms import PseudonymKey, find_key
from study.errors import InputRefused


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv(pseudonyms.VARIABLE, raising=False)


def test_a_pseudonym_depends_on_name_and_key():
    one, other = PseudonymKey(b"one"), PseudonymKey(b"other")
    assert one.of("Doe") == PseudonymKey(b"one").of("Doe") != other.of("Doe")
    assert one.of("Doe") != one.of("Roe") and len(one.of("Doe")) == 16
    assert one.check != other.check and "one" not in repr(one)


def test_a_missing_key_is_made_aloud_and_found_again(said):
    made = find_key(None, make=True)
    assert len(said) == 1 and str(pseudonyms.default_file()) in said[0]
    assert pseudonyms.default_file().stat().st_mode & 0o077 == 0
    assert find_key(None, make=True).check == made.check and len(said) == 1


def test_a_missing_key_is_refused_where_none_may_be_made(tmp_path):
    with pytest.raises(InputRefused, match=pseudonyms.VARIABLE):
        find_key(None, make=False)
    with pytest.raises(InputRefused, match="no such pseudonym key file"):
        find_key(tmp_path / "mine", make=True)


def test_variable_comes_before_file_and_short_keys_are_refused(tmp_path, monkeypatch):
    (tmp_path / "mine").write_text("a key in a file of mine\n")
    assert find_key(tmp_path / "mine", make=False).check == PseudonymKey(b"a key in a file of mine").check
    monkeypatch.setenv(pseudonyms.VARIABLE, "a key in a variable")
    assert find_key(tmp_path / "mine", make=False).check == PseudonymKey(b"a key in a variable").check
    monkeypatch.setenv(pseudonyms.VARIABLE, "short")
    with pytest.raises(InputRefused, match="5 characters"):
        find_key(None, make=False)
