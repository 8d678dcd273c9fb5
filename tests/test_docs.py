"""The pages that derive from the code are current, and what they name is there."""

import importlib.util
import re
from pathlib import Path

import pytest

from study.ledger.columns import COLUMN_MEANINGS, TABLE_MEANINGS
from study.ledger.schemas import TABLES

ROOT = Path(__file__).parents[1]
spec = importlib.util.spec_from_file_location("docs_make", ROOT / "docs" / "make.py")
pages = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pages)


@pytest.mark.parametrize("page", pages.PAGES)
def test_a_page_is_what_the_code_says(page):
    assert (ROOT / "docs" / page).read_text() == pages.PAGES[page](), "run make docs"


def test_every_table_and_column_has_a_meaning_and_no_other():
    assert TABLE_MEANINGS.keys() == TABLES.keys()
    assert COLUMN_MEANINGS.keys() == {name for schema in TABLES.values() for name in schema.names}


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_every_path_that_a_page_names_is_there(page):
    text = (ROOT / page).read_text()
    linked = re.findall(r"\]\(([^)#:]+)\)", text)
    named = re.findall(r"`((?:study|trainables|analysis|cluster|tests|docs)/[\w/.-]+)`", text)
    assert [path for path in linked if not (ROOT / page).parent.joinpath(path).exists()] == []
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_examples_of_extensions_are_the_files_themselves():
    text = (ROOT / "docs" / "EXTENDING.md").read_text()
    shown = re.findall(r"<!-- (\S+) -->\n```python\n(.*?)```", text, re.S)
    assert len(shown) >= 4
    for path, block in shown:
        assert block in (ROOT / path).read_text(), path
