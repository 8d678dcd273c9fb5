"""Equal shares for all clusters, by Sinkhorn and Knopp's iteration."""

import torch
from torch import Tensor

from trainables.methods._precision import full_precision


@torch.no_grad()
@full_precision
def sinkhorn(scores: Tensor, *, epsilon: float, iterations: int) -> Tensor:
    """Codes (B, K), each row of sum 1, that use the K prototypes equally often (Caron et al. 2020, equation 5).

    scores: (B, K) similarities, of all ranks and of a queue if there is one. In full precision, and less the largest
    score, since exp(1 / 0.05) is beyond what 16 bits hold.
    """
    codes = torch.exp((scores - scores.max()) / epsilon)
    rows, prototypes = codes.shape
    for _ in range(iterations):
        codes = codes / (codes.sum(0, keepdim=True) * prototypes)
        codes = codes / (codes.sum(1, keepdim=True) * rows)
    return codes * rows
