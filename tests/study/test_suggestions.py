"""What a refusal says of a name that is not known."""

import pytest

from study.suggestions import MOST, did_you_mean


@pytest.mark.parametrize(
    ("name", "known", "said"),
    [
        ("sparc", ["byol", "spark"], "; did you mean 'spark'?"),
        ("SPARK", ["byol", "spark"], "; did you mean 'spark'?"),
        ("covid", ["COVID", "normal"], "; did you mean 'COVID'?"),
        (7, ["spark", "byol"], "; there are 'spark', 'byol'"),
        ("anything", [], ""),
    ],
)
def test_the_nearest_name_or_what_there_is(name, known, said):
    assert did_you_mean(name, known) == said


def test_a_long_list_is_cut_short():
    said = did_you_mean("?", map(str, range(MOST + 3)))
    assert said.endswith(f"'{MOST - 1}' and 3 more") and f"'{MOST}'" not in said


def test_of_names_that_differ_in_case_alone_the_first_is_meant():
    assert did_you_mean("ab", ["Ab", "aB"]) == "; did you mean 'Ab'?"
