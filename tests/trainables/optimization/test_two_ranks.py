"""Two workers with half the batch each learn what one learns with the whole, in float64."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.trainables.optimization import two_ranks
from tests.trainables.optimization.two_ranks import BATCH, CASES


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """What each case learnt on two ranks, all of them in one pair of processes."""
    folder = tmp_path_factory.mktemp("ranks")
    root = Path(two_ranks.__file__).resolve().parents[3]
    command = [sys.executable, "-m", "tests.trainables.optimization.two_ranks"]
    ranks = [subprocess.Popen([*command, str(rank), str(folder)], cwd=root) for rank in range(2)]
    assert [rank.wait(timeout=300) for rank in ranks] == [0, 0]
    return [torch.load(folder / f"{case}.pt") for case in range(len(CASES))]


@pytest.mark.parametrize("case", range(len(CASES)), ids=["-".join(map(str, (*c[:2], *c[2].values()))) for c in CASES])
def test_two_ranks_learn_what_one_process_learns(learnt, case):
    torch.set_num_threads(1)
    name = CASES[case][0]
    whole = two_ranks.build(case, **({"bn_splits": 2} if name == "moco_v2" else {}))
    expected = two_ranks.learn(whole, whole, slice(None), order=name == "moco_v2")
    found = learnt[case]
    assert found.keys() == expected.keys()
    own = ("running_", "num_batches") if whole.splits_norms else ()  # MoCo's norms follow the images of their rank
    shared = [key for key in expected if not any(part in key for part in own)]
    apart = {key: float((found[key] - expected[key]).abs().max()) for key in shared}
    worst = max(apart, key=apart.__getitem__)
    print(f"{name}: {worst} apart by {apart[worst]:.1e}")
    assert apart[worst] < 1e-9, worst
    assert sum(float(value.abs().max()) > 1e-6 for key, value in expected.items() if "gradient" in key) > 5
    assert BATCH == len(two_ranks.views(whole, 0)[0])
