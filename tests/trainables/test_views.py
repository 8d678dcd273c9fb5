"""Each view does what it says and depends on nothing but images and generator."""

import pytest
import torch
from torch.nn import functional

from trainables import views


@pytest.fixture
def images():
    return torch.rand(8, 1, 40, 40, generator=torch.Generator().manual_seed(3))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


ALL = {
    "crop": lambda x, g: views.random_resized_crop(x, g, size=32, scale=(0.2, 1.0)),
    "flip": lambda x, g: views.flip(x, g, horizontal=0.5, vertical=0.5),
    "rotate": lambda x, g: views.rotate(x, g, degrees=180, probability=0.5),
    "blur": lambda x, g: views.blur(x, g, sigma=(0.1, 2.0), probability=0.5),
    "jitter": lambda x, g: views.jitter(x, g, brightness=0.4, contrast=0.4, probability=0.5),
    "noise": lambda x, g: views.noise(x, g, variance=(1e-5, 1e-4), probability=0.5),
}


@pytest.mark.parametrize("view", ALL.values(), ids=ALL)
def test_views_follow_from_images_and_generator_alone(view, images):
    before = images.clone()
    first, again, other = view(images, generator()), view(images, generator()), view(images, generator(1))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(images, before), "the source must stay as it was"
    assert first.min() >= 0 and first.max() <= 1 + 1e-6 and first.dtype == torch.float32


@pytest.mark.parametrize("view", [v for name, v in ALL.items() if name != "crop"], ids=[n for n in ALL if n != "crop"])
def test_about_half_of_the_images_change_at_probability_one_half(view, images):
    changed = (view(images, generator()) != images).flatten(1).any(1).sum()
    assert 1 <= changed <= 7 or view is ALL["flip"]


@pytest.mark.parametrize("box", [(0, 0, 40, 40), (3, 5, 17, 30), (10, 2, 9, 8), (39, 39, 1, 1)])
@pytest.mark.parametrize("size", [8, 32, 64])
def test_crop_equals_antialiased_interpolation_of_the_box(images, box, size):
    top, left, height, width = box
    mine = views.crop(images.double(), torch.tensor([box] * len(images)), size)
    piece = images.double()[..., top : top + height, left : left + width]
    theirs = functional.interpolate(piece, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
    torch.testing.assert_close(mine, theirs, atol=1e-9, rtol=0)


def test_boxes_lie_in_the_image_and_keep_scale_and_ratio():
    boxes = views._boxes(2000, (60, 50), (0.2, 0.5), (3 / 4, 4 / 3), generator())
    top, left, height, width = boxes.unbind(1)
    assert (top >= 0).all() and (left >= 0).all() and (top + height <= 60).all() and (left + width <= 50).all()
    share, aspect = height * width / 3000, width / height
    assert 0.18 < share.min() < 0.22 and 0.48 < share.max() < 0.52
    assert 0.7 < aspect.min() and aspect.max() < 1.4


def test_a_box_that_never_fits_is_the_whole_image(images):
    whole = views.random_resized_crop(images, generator(), size=40, scale=(1.0, 1.0), ratio=(3.0, 3.0))
    torch.testing.assert_close(whole, images)


def test_flip_with_certainty_mirrors_each_axis(images):
    assert torch.equal(views.flip(images, generator(), horizontal=1.0), images.flip(-1))
    assert torch.equal(views.flip(images, generator(), horizontal=0.0, vertical=1.0), images.flip(-2))


def test_a_rotated_disc_stays_and_a_corner_goes():
    at = torch.arange(40) - 19.5
    disc = ((at[:, None] ** 2 + at**2) < 100).float().expand(6, 1, 40, 40)
    turned = views.rotate(disc, generator(), degrees=180, probability=1.0)
    assert (turned - disc).abs().mean() < 0.02
    full = views.rotate(torch.ones(6, 1, 40, 40), generator(), degrees=45, probability=1.0)
    assert (full[:, 0, 0, 0] < 1).any() and (full[:, 0, 20, 20] > 0.999).all()


def test_blur_keeps_flat_images_and_removes_detail(images):
    flat = torch.full((2, 1, 20, 20), 0.3)
    torch.testing.assert_close(views.blur(flat, generator(), sigma=(1.0, 2.0), probability=1.0), flat)
    assert views.blur(images, generator(), sigma=(1.0, 2.0), probability=1.0).std() < 0.5 * images.std()


def test_noise_has_the_variance_asked_for():
    grey = torch.full((4, 1, 200, 200), 0.5)
    noisy = views.noise(grey, generator(), variance=(1e-4, 1e-4), probability=1.0)
    torch.testing.assert_close((noisy - grey).var((1, 2, 3)), torch.full((4,), 1e-4), rtol=0.05, atol=0)
