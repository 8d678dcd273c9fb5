"""Each view does what it says and depends on nothing but images and generator."""

import math

import pytest
import torch
from torch.nn import functional

from trainables.methods.settings import Recipe
from trainables.transforms import ssl_views


@pytest.fixture
def images():
    return torch.rand(8, 1, 40, 40, generator=torch.Generator().manual_seed(3))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


ALL = {
    "crop": lambda x, g: ssl_views.random_resized_crop(x, g, size=32, scale=(0.2, 1.0)),
    "flip": lambda x, g: ssl_views.flip(x, g, horizontal=0.5, vertical=0.5),
    "rotate": lambda x, g: ssl_views.rotate(x, g, degrees=180, probability=0.5),
    "blur": lambda x, g: ssl_views.blur(x, g, sigma=(0.1, 2.0), probability=0.5),
    "jitter": lambda x, g: ssl_views.jitter(x, g, brightness=0.4, contrast=0.4, probability=0.5),
    "noise": lambda x, g: ssl_views.noise(x, g, variance=(1e-5, 1e-4), probability=0.5),
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
    mine = ssl_views.crop(images.double(), torch.tensor([box] * len(images)), size)
    piece = images.double()[..., top : top + height, left : left + width]
    theirs = functional.interpolate(piece, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
    torch.testing.assert_close(mine, theirs, atol=1e-9, rtol=0)


def test_boxes_lie_in_the_image_and_keep_scale_and_ratio():
    boxes = ssl_views._boxes(2000, (60, 50), (0.2, 0.5), (3 / 4, 4 / 3), generator())
    top, left, height, width = boxes.unbind(1)
    assert (top >= 0).all() and (left >= 0).all() and (top + height <= 60).all() and (left + width <= 50).all()
    share, aspect = height * width / 3000, width / height
    assert 0.18 < share.min() < 0.22 and 0.48 < share.max() < 0.52
    assert 0.7 < aspect.min() and aspect.max() < 1.4


def test_a_box_that_never_fits_is_the_whole_image(images):
    whole = ssl_views.random_resized_crop(images, generator(), size=40, scale=(1.0, 1.0), ratio=(3.0, 3.0))
    torch.testing.assert_close(whole, images)


def test_flip_with_certainty_mirrors_each_axis(images):
    assert torch.equal(ssl_views.flip(images, generator(), horizontal=1.0), images.flip(-1))
    assert torch.equal(ssl_views.flip(images, generator(), horizontal=0.0, vertical=1.0), images.flip(-2))


def test_a_rotated_disc_stays_and_a_corner_goes():
    at = torch.arange(40) - 19.5
    disc = ((at[:, None] ** 2 + at**2) < 100).float().expand(6, 1, 40, 40)
    turned = ssl_views.rotate(disc, generator(), degrees=180, probability=1.0)
    assert (turned - disc).abs().mean() < 0.02
    full = ssl_views.rotate(torch.ones(6, 1, 40, 40), generator(), degrees=45, probability=1.0)
    assert (full[:, 0, 0, 0] < 1).any() and (full[:, 0, 20, 20] > 0.999).all()


def test_blur_keeps_flat_images_and_removes_detail(images):
    flat = torch.full((2, 1, 20, 20), 0.3)
    torch.testing.assert_close(ssl_views.blur(flat, generator(), sigma=(1.0, 2.0), probability=1.0), flat)
    assert ssl_views.blur(images, generator(), sigma=(1.0, 2.0), probability=1.0).std() < 0.5 * images.std()


def test_noise_has_the_variance_asked_for():
    grey = torch.full((4, 1, 200, 200), 0.5)
    noisy = ssl_views.noise(grey, generator(), variance=(1e-4, 1e-4), probability=1.0)
    torch.testing.assert_close((noisy - grey).var((1, 2, 3)), torch.full((4,), 1e-4), rtol=0.05, atol=0)


EVERYTHING = Recipe(
    rotation=180,
    rotation_probability=1,
    crop_scale=(0.2, 0.6),
    horizontal_flip=0.5,
    vertical_flip=0.5,
    shift=100,
    brightness=0.4,
    contrast=0.4,
    jitter_probability=1,
    blur_probability=1,
    noise_probability=1,
)
WINDOW = (-1000.0, 1000.0)


def test_a_view_takes_the_steps_of_its_recipe_in_order(images):
    r, g = EVERYTHING, generator()
    by_hand = ssl_views.rotate(images, g, degrees=180, probability=1)
    by_hand = ssl_views.random_resized_crop(by_hand, g, size=32, scale=r.crop_scale, ratio=r.crop_ratio)
    by_hand = ssl_views.flip(by_hand, g, horizontal=0.5, vertical=0.5)
    by_hand = ssl_views.shift(by_hand, g, largest=100 / 2000)
    by_hand = ssl_views.jitter(by_hand, g, brightness=0.4, contrast=0.4, probability=1)
    by_hand = ssl_views.blur(by_hand, g, sigma=tuple(bound * 32 / 224 for bound in r.blur_sigma), probability=1)
    by_hand = ssl_views.noise(by_hand, g, variance=r.noise_variance, probability=1)
    made = ssl_views.view(images, r, generator(), size=32, window=WINDOW)
    torch.testing.assert_close(made, by_hand, atol=1e-5, rtol=0)


def test_equal_generators_give_equal_views_and_others_give_others(images):
    make = [ssl_views.view(images, EVERYTHING, generator(seed), size=32, window=WINDOW) for seed in (0, 0, 1)]
    assert torch.equal(make[0], make[1])
    assert ((make[0] - make[2]).abs().amax((1, 2, 3)) > 1e-3).all(), "every image has a view of its own"


def test_an_empty_recipe_only_resizes(images):
    made = ssl_views.view(images, Recipe(crop_ratio=(1, 1)), generator(), size=24, window=WINDOW)
    resized = functional.interpolate(images, size=(24, 24), mode="bilinear", antialias=True)
    torch.testing.assert_close(made, resized, atol=1e-6, rtol=0)


@pytest.mark.parametrize("width", [2000.0, 400.0])
def test_a_shift_is_in_hounsfield_units(width):
    grey = torch.full((64, 1, 4, 4), 0.5)
    moved = ssl_views.view(grey, Recipe(shift=100), generator(), size=4, window=(-100.0, width - 100)) - grey
    largest = 100 / width
    assert 0.8 * largest < moved.max() <= largest + 1e-6 and -largest - 1e-6 <= moved.min() < -0.8 * largest
    assert (moved.amax((1, 2, 3)) - moved.amin((1, 2, 3))).max() < 1e-6, "all of an image moves alike"


STEPS = {
    "rotation": {"rotation": 180, "rotation_probability": 1},
    "crop": {"crop_scale": (0.2, 0.5)},
    "flips": {"horizontal_flip": 0.5, "vertical_flip": 0.5},
    "shift": {"shift": 1000},
    "jitter": {"brightness": 1, "contrast": 1, "jitter_probability": 1},
    "blur": {"blur_probability": 1, "blur_sigma": (2, 30)},
    "noise": {"noise_probability": 1, "noise_variance": (1, 1)},
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_each_step_changes_views_and_leaves_them_between_black_and_white(step, images):
    extreme = images.round()
    made = ssl_views.view(extreme, Recipe(**step), generator(), size=40, window=WINDOW)
    assert made.min() >= -1e-6 and made.max() <= 1 + 1e-6
    assert (made - extreme).abs().max() > 0.1


@pytest.mark.parametrize("degrees", [0.0, 30.0, 180.0])
def test_turning_what_the_crop_keeps_is_turning_all_and_cropping(images, degrees):
    angles, boxes = torch.linspace(-1, 1, 8) * math.radians(degrees), torch.tensor([[3, 5, 30, 20]] * 8)
    mirrored = torch.tensor([[True, False] * 4, [False, True] * 4])
    cut = ssl_views._cut(images.double(), angles, boxes, mirrored, 24)
    whole = ssl_views._rotate(images.double(), angles)[..., 3:33, 5:25]
    whole = functional.interpolate(whole, size=(24, 24), mode="bilinear", antialias=True)
    for number, image in enumerate(whole):
        torch.testing.assert_close(cut[number], image.flip(-1 if number % 2 == 0 else -2), atol=1e-9, rtol=0)


def test_rotation_equals_sampling_at_turned_places(images):
    angles = torch.linspace(-3, 3, 8, dtype=torch.float64)
    matrices = torch.stack([angles.cos(), -angles.sin(), 0 * angles, angles.sin(), angles.cos(), 0 * angles], 1)
    grid = functional.affine_grid(matrices.view(8, 2, 3), [8, 1, 40, 40], align_corners=False)
    sampled = functional.grid_sample(images.double(), grid, align_corners=False)
    torch.testing.assert_close(ssl_views._rotate(images.double(), angles), sampled, atol=1e-9, rtol=0)
