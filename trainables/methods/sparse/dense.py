"""The dense form: every layer on whole maps, the mathematics of the packed form.

What stands at hidden positions never matters: they are set to zero before any layer that looks beyond a patch, batch
norms and squeeze-and-excitation count visible positions only, and nothing else mixes positions.
"""

from timm.layers import BatchNormAct2d, SEModule
from timm.models._efficientnet_blocks import SqueezeExcite
from torch import Tensor, nn

from trainables.methods.sparse.packed import crosses, gate
from trainables.methods.sparse.plan import shown
from trainables.optimization.distributed import BatchNorm2dOverRanks, BatchNormAct2dOverRanks


class _HidesFirst:
    def forward(self, x: Tensor) -> Tensor:
        plan = shown()
        if plan is not None and crosses(self):  # type: ignore[arg-type]
            x = x * plan.keep(plan.patch(x), x)
        return super().forward(x)  # type: ignore[misc]


class _OverVisible:
    """Over the visible positions, packed; hidden ones become zero."""

    def forward(self, x: Tensor) -> Tensor:
        plan = shown()
        if plan is None:
            return super().forward(x)  # type: ignore[misc]
        return plan.unpack(super().forward(plan.pack(x)))  # type: ignore[misc]


class _DenseSqueeze:
    def forward(self, x: Tensor) -> Tensor:
        plan = shown()
        if plan is None:
            return super().forward(x)  # type: ignore[misc]
        return x * gate(self, plan.pool(plan.pack(x))[:, :, None, None])  # type: ignore[arg-type]


class DenseConv2d(_HidesFirst, nn.Conv2d):
    pass


class DenseMaxPool2d(_HidesFirst, nn.MaxPool2d):
    pass


class DenseBatchNorm2d(_OverVisible, nn.BatchNorm2d):
    pass


class DenseBatchNormAct2d(_OverVisible, BatchNormAct2d):
    pass


class DenseBatchNorm2dOverRanks(_OverVisible, BatchNorm2dOverRanks):
    pass


class DenseBatchNormAct2dOverRanks(_OverVisible, BatchNormAct2dOverRanks):
    pass


class DenseSqueezeExcite(_DenseSqueeze, SqueezeExcite):
    pass


class DenseSEModule(_DenseSqueeze, SEModule):
    pass


DENSE: dict[type, type] = {
    nn.Conv2d: DenseConv2d,
    nn.MaxPool2d: DenseMaxPool2d,
    nn.BatchNorm2d: DenseBatchNorm2d,
    BatchNormAct2d: DenseBatchNormAct2d,
    BatchNorm2dOverRanks: DenseBatchNorm2dOverRanks,
    BatchNormAct2dOverRanks: DenseBatchNormAct2dOverRanks,
    SqueezeExcite: DenseSqueezeExcite,
    SEModule: DenseSEModule,
}
