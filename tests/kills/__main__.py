"""Kill a study in every way, and show that nothing comes of it.

    python -m tests.kills [--random 50] [--seed 0] [--only CASE ...] [--private]

Drivers join a Ray cluster that is started for all of them; with --private each starts one of its own. Prints a line a
kill with all that is not as in the undisturbed study, and ends with 1 if there was anything.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.kills import moments, nodes, other_failures, points, studies
from tests.kills.undisturbed_study import Row, undisturbed

CASES = ("points", "features", "chained", "alone", "signals", "workers", "nodes", "rivals", "disks")
WORKERS = 6


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description="kill a study in every way")
    parser.add_argument("--random", type=int, default=50, metavar="N", help="kills at random moments (default 50)")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments (default 0)")
    parser.add_argument("--only", nargs="+", choices=CASES, default=CASES, help="these alone (default: all)")
    parser.add_argument("--private", action="store_true", help="a Ray of its own for each driver; leaves nodes out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lc-killed-") as name:
        if options.private:
            return table(all_cases(options, Path(name), None))
        with nodes.cluster() as cluster:
            return table(all_cases(options, Path(name), cluster))


def all_cases(options: argparse.Namespace, folder: Path, cluster: nodes.Nodes | None) -> Iterator[Row]:
    address = cluster and cluster.address
    whole = undisturbed(studies.write(folder / "study"), folder, address)
    kills, seed = options.random, options.seed
    if "points" in options.only:
        for which in points.PASSES:
            yield from points.at_points(whole, which)
    if "features" in options.only:
        linear = studies.write(folder / "linear", linear=True)
        yield from points.features(undisturbed(linear, folder / "on features", address))
    if "chained" in options.only:
        yield from moments.chained(whole, kills, seed)
    if "alone" in options.only:
        yield from moments.alone(whole, kills, seed)
    if "signals" in options.only:
        yield from other_failures.signals(whole, seed)
    if "workers" in options.only:
        yield from other_failures.workers(whole, WORKERS)
    if "nodes" in options.only and cluster:
        yield from other_failures.nodes(whole, cluster)
    if "rivals" in options.only:
        yield from other_failures.rivals(whole)
    if "disks" in options.only:
        yield from other_failures.disks(whole, seed)


def table(rows: Iterator[Row]) -> int:
    """Print each row when it is there; 1 where one has faults."""
    print(f"{'point':<50} {'kills':>5} {'resumed':>7}  equal", flush=True)
    kills, wrong = 0, 0
    for row in rows:
        said = "; ".join(row.faults) or "yes"
        print(f"{row.point:<50} {row.kills:>5} {'yes' if row.resumed else '':>7}  {said}", flush=True)
        kills, wrong = kills + row.kills, wrong + bool(row.faults)
    print(f"{kills} kills, {wrong} lines with faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
