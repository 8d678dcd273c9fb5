"""Sparse means along both axes are the dense products and the convolutions that they stand for."""

import pytest
import torch
from torch.nn import functional

from trainables.transforms import resampling


@pytest.fixture
def images():
    return torch.rand(3, 1, 20, 26, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_sparse_and_dense_products_agree(images):
    heights, widths = torch.tensor([20.0, 11, 3]).double(), torch.tensor([26.0, 5, 1]).double()
    rows, columns = resampling.triangle(heights, 12), resampling.triangle(widths, 9)
    pieces = [image[0, : int(h), : int(w)] for image, h, w in zip(images, heights, widths, strict=True)]
    high = resampling.dense(rows, torch.zeros(3), 20)
    wide = resampling.dense(columns, torch.zeros(3), 26)
    expected = high @ images.squeeze(1) @ wide.transpose(1, 2)
    torch.testing.assert_close(resampling.along_both(pieces, rows, columns).squeeze(1), expected)


def test_mirrored_taps_mirror_the_result(images):
    rows, columns = (resampling.triangle(torch.full((3,), float(side)).double(), 12) for side in (20, 26))
    chosen = torch.tensor([True, False, True])
    plain = resampling.along_both(images[:, 0], rows, columns)
    turned = resampling.along_both(images[:, 0], rows, resampling.mirrored(columns, chosen))
    torch.testing.assert_close(turned, torch.where(chosen.view(3, 1, 1, 1), plain.flip(-1), plain))


@pytest.mark.parametrize("radius", [1, 6, 19])
def test_a_blur_is_a_convolution_with_reflected_borders(images, radius):
    sigma = torch.tensor([0.3, 2.0, 9.0]).double()
    rows, columns = (resampling.gaussian(sigma, radius, side) for side in (20, 26))
    kernel = resampling.gaussian_kernel(sigma, radius)
    padded = functional.pad(images.transpose(0, 1), (radius,) * 4, mode="reflect")
    expected = functional.conv2d(padded, kernel[:, None, :, None], groups=3)
    expected = functional.conv2d(expected, kernel[:, None, None, :], groups=3).transpose(0, 1)
    torch.testing.assert_close(resampling.along_both(images[:, 0], rows, columns), expected)
