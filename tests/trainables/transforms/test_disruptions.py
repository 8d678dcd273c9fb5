"""Each disruption is what plain loops over images and pixels make of the same draws."""

import pytest
import torch

from tests.trainables import plain
from trainables.transforms import disruptions

ALL = {
    "coarsen": {"factor": (1, 4)},
    "hide": {"patch": 4, "share": 0.6},
    "shuffle": {"pieces": 3},
    "gamma": {"largest": 2.5},
}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images():
    """Of sides that neither 3 nor (the width) 4 divides."""
    return torch.rand(12, 1, 20, 26, generator=generator(3), dtype=torch.float64)


@pytest.mark.parametrize("name", ALL)
def test_each_image_is_disrupted_as_the_loop_over_its_pixels_does_it(name, images):
    before = images.clone()
    made = getattr(disruptions, name)(images, generator(4), **ALL[name])
    expected = getattr(plain, name)(images, generator(4), **ALL[name])
    torch.testing.assert_close(made, expected, atol=1e-6 if name == "gamma" else 1e-12, rtol=0)  # powers are float32
    assert torch.equal(images, before), "the source must stay as it was"


@pytest.mark.parametrize("name", ALL)
def test_images_have_amounts_of_their_own_which_the_generator_gives(name, images):
    same = images[:1].expand(12, -1, -1, -1)
    first, again, other = (getattr(disruptions, name)(same, generator(seed), **ALL[name]) for seed in (4, 4, 5))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert len({tuple(image.flatten().tolist()) for image in first}) > 2


def test_resolution_is_lost_by_every_factor_and_by_one_not_at_all(images):
    made = disruptions.coarsen(images, generator(4), factor=(1, 4))
    drawn = torch.randint(1, 5, (12,), generator=generator(4))
    assert set(drawn.tolist()) == {1, 2, 3, 4}
    assert [torch.equal(a, b) for a, b in zip(made, images, strict=True)] == (drawn == 1).tolist()


@pytest.mark.parametrize(("share", "hidden"), [(0.0, 0), (0.6, 18), (0.99, 30)])
def test_as_many_whole_patches_are_hidden_in_every_image(share, hidden, images):
    made = disruptions.hide(images, generator(), patch=4, share=share)
    whole = made[..., :24].unfold(2, 4, 4).unfold(3, 4, 4).flatten(4)
    black = (whole == 0).all(-1)
    kept = images[..., :24].unfold(2, 4, 4).unfold(3, 4, 4).flatten(4)
    assert (black.sum((1, 2, 3)) == hidden).all() and torch.equal(whole[~black], kept[~black])


def test_grey_scales_are_bent_both_ways_between_the_root_of_the_largest_power_and_itself(images):
    made = disruptions.gamma(images, generator(4), largest=2.5)
    powers = (made.log() / images.log()).flatten(1).median(1).values
    larger = powers[powers > 1]
    assert 0 < len(larger) < 12
    strength = torch.where(powers > 1, powers, 1 / powers)
    assert (strength >= 2.5**0.5 - 1e-6).all() and (strength <= 2.5 + 1e-6).all()
