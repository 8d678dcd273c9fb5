"""Pictures that runs drew of themselves come into the page as they were stored, with what they are of."""

import base64
import json

import pytest

from analysis.report import report
from analysis.report.sections import _encoder_pictures
from study.storage import Storage


@pytest.fixture(params=["local", "object store"])
def root(request, tmp_path):
    return str(tmp_path) if request.param == "local" else f"memory://{tmp_path.name}"


def drawn(root, name, *, method="spark", finished=True):
    """An encoder's files, as the second stage leaves them; returns the stored picture."""
    init, png, storage = name.rpartition("-")[0], f"a picture of {name}".encode(), Storage(root)
    storage.write_atomic(f"encoders/{name}.safetensors", b"weights")
    storage.write_atomic(f"encoders/{name}.png", png)
    if finished:
        about = {"recipe": {"initialisation": init, "method": method}}
        storage.write_atomic(f"encoders/{name}.json", json.dumps(about).encode())
    return base64.b64encode(png).decode()


def test_each_picture_is_inside_the_page_with_its_method_and_file(root):
    stored = [drawn(root, name) for name in ("long-0", "long-2", "long-10")]
    page = _encoder_pictures.figures(root)
    places = [page.index(f"data:image/png;base64,{png}") for png in stored]
    assert places == sorted(places), "in the order of seeds"
    assert "The run's own picture of what spark made" in page.replace("&#x27;", "'")
    assert "Encoder long-10, from encoders/long-10.png." in page


def test_encoders_without_a_picture_and_unfinished_ones_show_none(root):
    assert _encoder_pictures.figures(root) == ""
    drawn(root, "a-0", finished=False)
    Storage(root).write_atomic("encoders/b-0.json", b"{}")
    assert _encoder_pictures.figures(root) == ""


def test_the_report_shows_them(make, tmp_path):
    png = drawn(str(tmp_path), "<b>-0")
    report.render(make.study(), Storage(tmp_path), spec={}, planned=[], metric="auc", against="scratch")
    page = (tmp_path / "report.html").read_text()
    assert f"data:image/png;base64,{png}" in page and "<b>" not in page
