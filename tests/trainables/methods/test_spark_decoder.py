"""The decoder's short cuts against torch's own layers, in float64."""

import pytest
import torch
from torch import nn

from trainables import device
from trainables.methods.sparse import decoder as spark_decoder


def with_gradients(made, x, parameters):
    weights = torch.randn(made.shape, dtype=made.dtype, generator=torch.Generator().manual_seed(1))
    return [made, *torch.autograd.grad(made, [x, *parameters], weights)]


@pytest.mark.parametrize("side", [1, 3, 8, 9])
def test_doubling_equals_the_transposed_convolution(side):
    torch.manual_seed(0)
    short = spark_decoder.Doubled(5, 4, 4, stride=2, padding=1).double()
    plain = nn.ConvTranspose2d(5, 4, 4, stride=2, padding=1).double()
    plain.load_state_dict(short.state_dict())
    x = torch.randn(2, 5, side, side, dtype=torch.float64, requires_grad=True)
    found, wanted = (with_gradients(layer(x), x, layer.parameters()) for layer in (short, plain))
    torch.testing.assert_close(found, wanted, atol=1e-12, rtol=1e-12)


def test_on_a_cpu_the_decoders_channels_come_first_whatever_else_is_last():
    decoder = device.place(spark_decoder.Decoder([8, 4], 32), torch.device("cpu"), channels_last=True)
    assert all(parameter.is_contiguous() for parameter in decoder.parameters())
