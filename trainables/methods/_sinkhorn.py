"""Equal shares for all clusters, by Sinkhorn and Knopp's iteration."""

import torch
from torch import Tensor

from trainables.precision import full_precision


@torch.no_grad()
@full_precision
def sinkhorn(scores: Tensor, *, epsilon: float, iterations: int) -> Tensor:
    """Codes (B, K), each row of sum 1, that use the K prototypes equally often (Caron et al. 2020, equation 5).

    scores: (B, K) similarities, of all ranks and of a queue if there is one. In full precision and in logarithms, since
    exp(1 / 0.05) is beyond what 16 bits hold, and at a small epsilon all of a prototype's shares would be 0 in 32 bits.
    """
    logs = scores / epsilon
    for _ in range(iterations):
        logs = logs - logs.logsumexp(0, keepdim=True)
        logs = logs - logs.logsumexp(1, keepdim=True)
    return logs.exp()
