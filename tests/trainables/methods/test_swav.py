"""SwAV with its queue against plain loops over samples, prototypes and views, in float64."""

import copy

import pytest
import torch
from torch import nn

from tests.trainables import plain
from tests.trainables.small_methods import make
from trainables.optimization.schedules import Moment

AT = Moment(30, 100)
BATCH, QUEUE = 4, 6


def views(step):
    generator = torch.Generator().manual_seed(step)
    return [
        torch.rand(BATCH, 1, size, size, dtype=torch.float64, generator=generator) for size in (64, 64, 32, 32, 32)
    ]  # fmt: skip


def embeddings(made, given, together):
    """(B, D) of each view, of length 1. together: those of one size are normed as one batch."""
    groups = [given[:2], given[2:]] if together else [[each] for each in given]
    rows = [made.head(made.backbone(torch.cat(group))) for group in groups]
    samples = [sample / sample.square().sum().sqrt() for group in rows for sample in group]
    return [torch.stack(samples[number * BATCH : (number + 1) * BATCH]) for number in range(len(given))]


def loop_loss(units, prototypes, held, settings):
    """Each large view's codes, over the batch and what is held of earlier ones, under all other views' scores."""
    terms = []
    for number in range(2):
        everyone = [*units[number].detach(), *held[number]]
        scores = [[float(unit @ prototype) for prototype in prototypes.detach()] for unit in everyone]
        codes = plain.sinkhorn(scores, epsilon=settings.epsilon, iterations=settings.iterations)[:BATCH]
        for other, rows in enumerate(units):
            if other != number:
                for code, unit in zip(codes, rows, strict=True):
                    said = torch.stack([unit @ prototype for prototype in prototypes]) / settings.temperature
                    log = said - torch.log(torch.exp(said).sum())
                    terms.append(-sum(share * value for share, value in zip(code, log, strict=True)))
    return sum(terms) / len(terms)


@pytest.mark.parametrize("together", [True, False])
def test_loss_gradients_and_queue_equal_the_loops(together):
    torch.set_num_threads(1)
    made = make("swav", queue=QUEUE, small_views=3, together=together).double()
    past: list[list] = [[], []]  # newest first
    for step in range(3):
        given, weight = views(step), made.prototypes.weight
        units = embeddings(made, given, together)
        held = [rows if len(rows) == QUEUE else [] for rows in past]  # a queue counts once it is full
        loss = loop_loss(units, weight, held, made.settings)
        output = made(tuple(given), AT)
        assert output.loss.item() == pytest.approx(loss.item(), abs=1e-9)
        parameters = dict(made.named_parameters())
        mine, theirs = (torch.autograd.grad(each, list(parameters.values())) for each in (output.loss, loss))
        for name, a, b in zip(parameters, mine, theirs, strict=True):
            assert (a - b).abs().max() < 1e-9, (step, name)
        made.after_step(AT)
        past = [[*unit.detach(), *rows][:QUEUE] for unit, rows in zip(units, past, strict=False)]
        assert int(made.filled) == len(past[0]) == min((step + 1) * BATCH, QUEUE)
        for rows, queue in zip(past, made.queue, strict=True):
            torch.testing.assert_close(queue[: len(rows)], torch.stack(rows), atol=1e-12, rtol=0)
    assert len(past[0]) == QUEUE


def test_the_queue_waits_for_its_share_of_the_budget():
    made = make("swav", queue=BATCH, queue_from=0.5).double()
    made(tuple(views(0)), AT)
    made.after_step(AT)
    given = tuple(views(1))
    without = copy.deepcopy(made)
    without.filled.zero_()
    early, late = Moment(49, 100), Moment(50, 100)
    assert made(given, early).loss == without(given, early).loss
    assert made(given, late).loss != without(given, late).loss


def test_prototypes_are_of_length_one_before_the_first_step_and_after_each():
    made = make("swav").double()
    ones = torch.ones(len(made.prototypes.weight), dtype=torch.float64)
    torch.testing.assert_close(made.prototypes.weight.norm(dim=1), ones)
    nn.init.normal_(made.prototypes.weight)
    made.after_step(AT)
    torch.testing.assert_close(made.prototypes.weight.norm(dim=1), ones)
