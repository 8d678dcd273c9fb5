"""The pictures that pre-training runs drew of themselves, as figures of a report."""

import json
from dataclasses import dataclass

from analysis.report import html

HOW_TO_READ = (
    "An image a row; of a method that fills in what was hidden, from left to right: the image, what was left of it, "
    "and the image as the method filled it in."
)


@dataclass(frozen=True)
class Picture:
    """A PNG beside an encoder's weights. path: of the file, relative to the study's folder."""

    initialisation: str
    method: str
    path: str
    png: bytes

    @property
    def caption(self) -> str:
        encoder = self.path.rpartition("/")[2].removesuffix(".png")
        return (
            f"The run's own picture of what {self.method} made of a few source images by the end of pre-training. "
            f"{HOW_TO_READ} Encoder {encoder}, from {self.path}."
        )


def pictures(root: str) -> list[Picture]:
    """Those of a study's finished encoders (whose ``.json`` is written last), by initialisation and seed; often none.

    root: the study's folder, a path or an fsspec URL.
    """
    from study.storage import Storage

    storage, found = Storage(root), []
    there = storage.list("encoders")
    for path in sorted(there, key=lambda each: (len(each), each)):
        about = f"{path.removesuffix('.png')}.json"
        if path.endswith(".png") and about in there:
            recipe = json.loads(storage.read_bytes(about))["recipe"]
            method = recipe.get("method") or recipe["initialisation"]
            found.append(Picture(recipe["initialisation"], method, path, storage.read_bytes(path)))
    return sorted(found, key=lambda each: each.initialisation)


def figures(root: str) -> html.Raw:
    return html.Raw("".join(html.image(each.png, each.caption, each.path) for each in pictures(root)))
