"""Classifiers without training: scores of test images from the features of labelled ones, in one step, nothing random.

Each takes features (N, D), labels (N,) in 0..C-1, test features (M, D) and C, and gives scores (M, C) in float64. They
order images, so they are judged by an AUC; they are no probabilities to be trusted.
"""

import torch
from torch import Tensor
from torch.nn import functional

NEIGHBOURS = 20
TEMPERATURE = 0.07
"""Of the weights exp(cosine / temperature), as in Wu et al. 2018, arXiv 1805.01978; they take 200 of a million
neighbours."""


def standardised(features: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    """Both in float64 by the mean and deviation of the first; a feature that is constant there becomes 0."""
    features, test = features.double(), test.double()
    mean, spread = features.mean(0), features.std(0, correction=0)
    # Rounding leaves a constant feature a deviation of about 1e-16 of its size.
    deviation = torch.where(spread > 1e-7 * mean.abs().clamp(min=1e-12), spread, torch.inf)
    return (features - mean) / deviation, (test - mean) / deviation


def nearest(features: Tensor, labels: Tensor, test: Tensor, classes: int) -> Tensor:
    """Shares of the votes of the nearest neighbours by cosine, each weighted by exp(cosine / TEMPERATURE)."""
    likeness = functional.normalize(test, dim=1) @ functional.normalize(features, dim=1).T
    near, which = likeness.topk(min(NEIGHBOURS, len(features)), dim=1)
    weights = torch.exp((near - 1) / TEMPERATURE)
    votes = torch.zeros(len(test), classes, dtype=weights.dtype).scatter_add_(1, labels[which], weights)
    return votes / weights.sum(1, keepdim=True)


def ridge(features: Tensor, labels: Tensor, test: Tensor, classes: int) -> Tensor:
    """X_test (X'X + lambda I)^-1 X' Y, Y being one-hot targets less their mean; features are centred.

    lambda is the mean of the eigenvalues of X'X that can differ from zero. It is a fixed rule because images of one
    patient are alike: a choice by left-out images would pick too small a penalty. With fewer images than features the
    same is had from X X', which is then the smaller matrix.
    """
    targets = functional.one_hot(labels, classes).to(features.dtype)
    targets = targets - targets.mean(0)
    dual = len(features) < features.shape[1]
    gram = features @ features.T if dual else features.T @ features
    gram.diagonal().add_((gram.diagonal().mean()).clamp(min=1e-12))
    factor = torch.linalg.cholesky(gram)
    if dual:
        return test @ (features.T @ torch.cholesky_solve(targets, factor))
    return test @ torch.cholesky_solve(features.T @ targets, factor)
