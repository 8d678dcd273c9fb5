"""Sinkhorn's codes are those of a loop over entries, at any precision and scale of the scores that a run may see."""

import pytest
import torch

from tests.trainables import plain
from trainables.methods._sinkhorn import sinkhorn


def scores(rows=9, prototypes=5, seed=0):
    """Cosines."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(rows, prototypes, generator=generator, dtype=torch.float64) * 2 - 1


@pytest.mark.parametrize("iterations", [1, 3, 10])
@pytest.mark.parametrize("epsilon", [0.05, 0.5])
def test_codes_equal_the_loop_over_entries(epsilon, iterations):
    made = sinkhorn(scores(), epsilon=epsilon, iterations=iterations)
    expected = torch.tensor(
        plain.sinkhorn(scores().tolist(), epsilon=epsilon, iterations=iterations), dtype=torch.float64
    )  # fmt: skip
    torch.testing.assert_close(made, expected, atol=1e-12, rtol=0)
    torch.testing.assert_close(made.sum(1), torch.ones(9, dtype=torch.float64))


def test_after_many_iterations_all_prototypes_are_used_equally():
    skewed = scores() + torch.tensor([0.9, 0, 0, 0, 0])
    made = sinkhorn(skewed, epsilon=0.5, iterations=200)
    torch.testing.assert_close(made.sum(0), torch.full((5,), 9 / 5, dtype=torch.float64))
    assert skewed.softmax(1).sum(0).std() > 10 * made.sum(0).std(), "they are not, by themselves"


def test_a_prototype_that_is_far_from_everything_still_gets_its_share():
    """At this epsilon every one of its shares is below what 32 bits hold."""
    far = scores() + torch.tensor([-2.0, 0, 0, 0, 0])
    made = sinkhorn(far.float(), epsilon=0.01, iterations=3)
    assert made.isfinite().all() and (made - sinkhorn(far, epsilon=0.01, iterations=3)).abs().max() < 1e-3


def test_the_published_temperature_overflows_in_no_precision():
    """exp(1 / 0.05) is 5e8, beyond 16 bits."""
    exact = sinkhorn(scores(), epsilon=0.05, iterations=3)
    for kind, apart in ((torch.float32, 1e-5), (torch.bfloat16, 0.1), (torch.float16, 0.02)):
        made = sinkhorn(scores().to(kind), epsilon=0.05, iterations=3)
        assert made.dtype == torch.float32 and (made - exact).abs().max() < apart
