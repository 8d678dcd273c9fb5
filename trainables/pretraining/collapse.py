"""Signs of collapse in a batch of embeddings (B, D)."""

import torch
from torch import Tensor
from torch.nn import functional


def spread(embedding: Tensor) -> float:
    """Mean standard deviation of the dimensions of L2-normalised embeddings, times sqrt(D).

    0 when all embeddings are one; 1 when they are spread evenly over the sphere (Chen and He 2021, arXiv 2011.10566).
    """
    unit = functional.normalize(embedding.double(), dim=1)
    return float(unit.std(0, unbiased=False).mean() * unit.shape[1] ** 0.5)


def effective_rank(embedding: Tensor) -> float:
    """exp of the entropy of the normalised singular values of L2-normalised embeddings, from 1 to min(B, D).

    Roy and Vetterli 2007, "The effective rank"; not centred, so that embeddings which are all one have rank 1.
    """
    values = torch.linalg.svdvals(functional.normalize(embedding.double(), dim=1))
    share = values / values.sum().clamp_min(1e-300)
    return float(torch.exp(torch.special.entr(share).sum()))
