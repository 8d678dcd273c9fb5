import pytest
import torch

from trainables import device


@pytest.mark.parametrize(("gpus", "shares"), [(0.25, [0.25, 1.0]), (1, []), (2, []), (0, [])])
def test_a_part_of_a_gpu_bears_that_part_of_its_memory_and_gives_it_back(monkeypatch, gpus, shares):
    seen: list[float] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", seen.append)
    with pytest.raises(MemoryError), device.memory_share(gpus):
        assert seen == shares[:1]
        raise MemoryError
    assert seen == shares


def test_without_a_gpu_nothing_is_capped(monkeypatch):
    def refuse(share):
        raise AssertionError("there is no GPU to cap")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", refuse)
    with device.memory_share(0.5):
        pass


@pytest.mark.parametrize(("there", "gpus", "chosen"), [(True, 0, "cpu"), (True, 0.25, "cuda"), (False, 1, "cpu")])
def test_a_job_computes_on_a_gpu_where_it_was_given_one(monkeypatch, there, gpus, chosen):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert device.choose(gpus).type == chosen
