"""The disruptive autoencoder against plain loops over images, in float64 and with random norms."""

import pytest
import torch

from tests.trainables import plain
from tests.trainables.small_methods import make
from trainables.optimization.schedules import Moment

SIZE = 64
AT = Moment(30, 100)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def method(**settings):
    return make("disruptive_autoencoder", **settings).double()


def images(count=3):
    return torch.rand(count, 1, SIZE, SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(5))


def maps_of(network, x):
    """A ResNet's at strides 32, 16, 8 and 4."""
    x, maps = network.maxpool(network.act1(network.bn1(network.conv1(x)))), []
    for stage in (network.layer1, network.layer2, network.layer3, network.layer4):
        x = stage(x)
        maps.append(x)
    return maps[::-1]


def decoded(decoder, maps):
    """The U-Net written out; nothing is hidden from it, so no position takes a mask's embedding."""
    fed = []
    for level, x in zip(decoder.densify, maps, strict=True):
        fed.append(plain.convolve(plain.norm(x, level.norm), level.project))
    x = fed[0]
    for number, block in enumerate(decoder.blocks):
        if number in (1, 2, 3):
            x = x + fed[number]
        up, first, first_norm, _, second, second_norm = block
        x = plain.norm(plain.convolve(plain.double(x, up), first), first_norm).clamp(0, 6)
        x = plain.norm(plain.convolve(x, second), second_norm)
    return plain.convolve(x, decoder.to_pixels)


def test_loss_and_every_gradient_equal_the_loops_over_images():
    made, whole = method(), images()
    given = made.disrupt(whole, torch.Generator().manual_seed(1))
    output = made((given, whole), AT)
    guess = decoded(made.decoder, maps_of(made.backbone, given))
    errors = [
        abs(a - b) for one, other in zip(guess, whole, strict=True) for a, b in zip(one[0], other[0], strict=True)
    ]
    loss = sum(row.sum() for row in errors) / (3 * SIZE**2)
    assert output.loss.item() == pytest.approx(loss.item(), abs=1e-9)
    trivial = sum(abs(pixel - image.mean().item()) for image in whole for pixel in image.flatten().tolist())
    assert output.trivial == pytest.approx(trivial / (3 * SIZE**2), abs=1e-9)
    parameters = dict(made.named_parameters())
    mine = torch.autograd.grad(output.loss, list(parameters.values()))
    theirs = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    reached = 0
    for name, a, b in zip(parameters, mine, theirs, strict=True):
        if name.endswith("embedding"):
            assert b is None and not a.any(), "nothing is hidden"
        else:
            assert (a - b).abs().max() < 1e-9, name
            reached += bool(a.abs().max() > 1e-6)
    assert reached > 0.6 * len(parameters), "there is something to compare"


def test_the_features_watched_for_collapse_are_the_deepest_maps_means():
    made, whole = method(), images()
    deepest = maps_of(made.backbone, whole)[0]
    torch.testing.assert_close(made((whole, whole), AT).embedding, deepest.flatten(2).mean(2).detach())


@pytest.mark.parametrize("seed", range(3))
def test_a_view_is_made_coarse_then_blurred_then_noisy_then_hidden_in_parts(seed):
    made, whole = method(blur_probability=0.7), images(4)
    by_hand, generator = whole, torch.Generator().manual_seed(seed)
    by_hand = plain.coarsen(by_hand, generator, factor=(1, 4))
    by_hand = plain.blur(by_hand, generator, sigma=(0.5 * SIZE / 224, 2.0 * SIZE / 224), probability=0.7)
    by_hand = plain.noise(by_hand, generator, variance=(1e-3, 1e-2))
    by_hand = plain.hide(by_hand, generator, patch=16, share=0.6)
    disrupted = made.disrupt(whole, torch.Generator().manual_seed(seed))
    torch.testing.assert_close(disrupted, by_hand, atol=1e-6, rtol=0)  # amounts are drawn in float32
    assert ((disrupted == 0).flatten(1).sum(1) >= 10 * 16**2).all(), "ten of sixteen patches are hidden last of all"


def test_what_is_to_be_reconstructed_is_the_view_before_any_disruption():
    made = make("disruptive_autoencoder", view={"crop_scale": [1, 1], "crop_ratio": [1, 1], "horizontal_flip": 0})
    given, whole = made.views(images().float(), torch.Generator().manual_seed(2))
    torch.testing.assert_close(whole, images().float())
    assert ((given - whole).abs().mean((1, 2, 3)) > 0.1).all()


def test_a_patch_that_does_not_divide_the_image_is_refused():
    with pytest.raises(ValueError, match="disruptive_autoencoder.patch: 24 does not divide images 64 px wide"):
        method(patch=24)
