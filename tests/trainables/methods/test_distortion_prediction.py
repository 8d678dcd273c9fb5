"""Distortion prediction against plain loops over images, in float64 and with random norms."""

import math

import pytest
import torch

from tests.trainables import plain
from tests.trainables.small_methods import make
from trainables.methods.distortion_prediction import DISTORTIONS
from trainables.methods.settings import Recipe
from trainables.optimization.schedules import Moment
from trainables.transforms import ssl_views

SIZE = 64
AT = Moment(30, 100)
UNTOUCHED = Recipe(crop_ratio=(1, 1)).model_dump()
"""A view that is the whole image."""


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def images(count, size=SIZE):
    return torch.rand(count, 1, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(5))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_loss_and_every_gradient_equal_the_loop_over_images():
    made, given = make("distortion_prediction").double(), images(5)
    which = torch.tensor([3, 0, 9, 3, 5])
    output = made((given, which), AT)
    weight, bias, terms = made.head.weight, made.head.bias, []
    for features, number in zip(made.backbone(given), which.tolist(), strict=True):
        scores = [(weight[name] * features).sum() + bias[name] for name in range(len(DISTORTIONS))]
        terms.append(torch.log(sum(torch.exp(score) for score in scores)) - scores[number])
    loss = sum(terms) / 5
    assert output.loss.item() == pytest.approx(loss.item(), abs=1e-9)
    parameters = dict(made.named_parameters())
    mine, theirs = (torch.autograd.grad(each, list(parameters.values())) for each in (output.loss, loss))
    assert max(gradient.abs().max().item() for gradient in mine) > 1e-3, "there is something to compare"
    for name, a, b in zip(parameters, mine, theirs, strict=True):
        assert (a - b).abs().max() < 1e-9, name
    assert output.trivial == pytest.approx(math.log(10))
    torch.testing.assert_close(output.embedding, made.backbone(given).detach())


PLAIN = {
    "none": lambda x, g: x,
    "quarter turn": lambda x, g: plain.turn(x, 1),
    "half turn": lambda x, g: plain.turn(x, 2),
    "three-quarter turn": lambda x, g: plain.turn(x, 3),
    "blurred": lambda x, g: plain.blur(x, g, sigma=(2 * SIZE / 224, 4 * SIZE / 224), probability=1.0),
    "noisy": lambda x, g: plain.noise(x, g, variance=(2e-3, 2e-2)),
    "coarse": lambda x, g: plain.coarsen(x, g, factor=(2, 4)),
    "patches hidden": lambda x, g: plain.hide(x, g, patch=SIZE // 8, share=0.3),
    "parts shuffled": lambda x, g: plain.shuffle(x, g, pieces=3),
    "grey scale bent": lambda x, g: plain.gamma(x, g, largest=2.5),
}


def test_each_view_is_distorted_as_its_number_says_and_as_the_loop_over_its_pixels_does_it():
    made, count = make("distortion_prediction"), 30
    given, g = images(count), generator(5)
    distorted, which = made.views(given, generator(5))
    whole = ssl_views.view(given, made.settings.view, g, size=SIZE, window=made.window)
    assert torch.equal(which, torch.randint(len(DISTORTIONS), (count,), generator=g))
    assert list(PLAIN) == list(DISTORTIONS) and set(which.tolist()) == set(range(10)), "all are there"
    for number, name in enumerate(DISTORTIONS):
        some = which == number
        expected = PLAIN[name](whole[some], g)
        torch.testing.assert_close(distorted[some], expected, atol=1e-6, rtol=0, msg=name)
        if number:
            assert ((expected - whole[some]).abs().mean((1, 2, 3)) > 5e-3).all(), name


def test_all_distortions_are_as_likely_as_each_other():
    made = make("distortion_prediction", size=32, view=UNTOUCHED)
    flat, g, drawn = torch.full((100, 1, 32, 32), 0.5), generator(), []
    for _ in range(10):
        drawn.append(made.views(flat, g)[1])
    counts = torch.cat(drawn).bincount(minlength=10)
    assert len(counts) == 10 and ((counts - 100).abs() < 5 * (1000 * 0.1 * 0.9) ** 0.5).all()


def test_images_of_any_width_are_distorted_in_every_way():
    made = make("distortion_prediction", size=100, view=UNTOUCHED)
    distorted, which = made.views(images(40, 100).float(), generator(1))
    assert distorted.shape == (40, 1, 100, 100) and set(which.tolist()) == set(range(10))
    assert distorted.isfinite().all() and 0 <= distorted.min() and distorted.max() <= 1
