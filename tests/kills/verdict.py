"""What must hold at each kill and at the end, against the same study undisturbed: a list of what does not."""

from collections import Counter, defaultdict
from pathlib import Path

import polars as pl

from study.ledger import check, frame
from tests.kills.driver_processes import Place

TABLES = ("trials", "finals", "curves", "scores", "predictions")
TIMES = ["seconds", "device_seconds", "started_at", "ended_at"]
CELL = ["adaptation", "initialisation", "pretrain_seed", "task", "size_kind", "size_value", "draw"]


def done(root: Path, table: str) -> pl.DataFrame:
    """What was committed, without its times, in an order of its own."""
    return frame(str(root), table).drop(TIMES, strict=False).sort(pl.all().exclude("labels", "p"))


def at_kill(place: Place, whole: Place) -> list[str]:
    """Faults of a ledger whose driver has just died: all that is in it belongs to the undisturbed study."""
    faults = [f"{each.kind} {each.path}: {each.detail}" for each in check(place.root) if each.needs_a_hand]
    keys = pl.concat([done(place.root, table)["key"] for table in ("trials", "finals")])
    if keys.is_duplicated().any():
        faults.append("a key is there twice")
    for table in TABLES:
        there, expected = done(place.root, table), done(whole.root, table).filter(pl.col("key").is_in(keys.implode()))
        if not there.equals(expected):
            faults.append(f"{table} are not those of the undisturbed study")
    return faults + unfair(place, whole)


def unfair(place: Place, whole: Place) -> list[str]:
    """Started trials differ by one at most over the cells of an adaptation, at every deal, and ended ones by two."""
    faults = []
    started = {cell: set() for cells in _cells(whole).values() for cell in cells}
    for _, group, cell, index in (line.split() for line in place.diary if line.startswith("dealt")):
        started[cell].add(index)
        counts = [len(started[each]) for each in _cells(whole)[group]]
        if max(counts) - min(counts) > 1:
            faults.append(f"started trials of the cells: {sorted(counts)}")
    ended = Counter(done(place.root, "trials").select(CELL).iter_rows())
    for adaptation, cells in done(whole.root, "trials").select(CELL).unique().group_by("adaptation"):
        counts = [ended[cell] for cell in cells.iter_rows()]
        if max(counts) - min(counts) > 2:
            faults.append(f"ended trials of the cells of {adaptation[0]}: {sorted(counts)}")
    return faults


def at_end(place: Place, whole: Place) -> list[str]:
    """Faults of a finished study: it is the undisturbed one, and nothing that is half done lies about."""
    faults = [f"{each.kind} {each.path}: {each.detail}" for each in check(place.root)]
    for table in TABLES:
        expected = done(whole.root, table)
        if not expected.height or not done(place.root, table).equals(expected):
            faults.append(f"{table} are not those of the undisturbed study")
    for weights in (whole.root / "encoders").glob("*.safetensors"):
        if (place.root / "encoders" / weights.name).read_bytes() != weights.read_bytes():
            faults.append(f"encoder {weights.name} differs")
    half = [path for path in place.root.rglob("*") if path.name.endswith((".part", ".tmp"))]
    return faults + [f"left behind: {path.relative_to(place.root)}" for path in half] + unfair(place, whole)


def _cells(whole: Place) -> dict[str, set[str]]:
    """The cells that are searched together, by the first of them."""
    cells = defaultdict(set)
    for _, group, cell, _ in (line.split() for line in whole.diary if line.startswith("dealt")):
        cells[group].add(cell)
    return cells
