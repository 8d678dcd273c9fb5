import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """The functions of rows.py."""
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("rows.py"))))
