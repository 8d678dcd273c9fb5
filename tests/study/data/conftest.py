import os
from pathlib import Path

import pytest

from study.data.phantom.settings import PhantomSettings
from study.data.pseudonyms import PseudonymKey


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images: $LABELCURVE_TEST_DATA, or ../shared/data beside the checkout."""
    default = Path(__file__).parents[3].parent / "shared" / "data"
    root = Path(os.environ.get("LABELCURVE_TEST_DATA") or default)
    if not root.is_dir():
        pytest.skip(f"the real images are not here ({root}); set LABELCURVE_TEST_DATA")
    return root


@pytest.fixture
def key() -> PseudonymKey:
    return PseudonymKey(b"a key for tests only")


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("LABELCURVE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def tiny_phantom() -> PhantomSettings:
    return PhantomSettings(
        patients=3, slices=4, size=32, visibility=0.5, prevalence=0.5, seed=7, labelled_patients=12, labelled_slices=2
    )
