"""Features of an encoder are computed once for all runs that see it frozen."""

import os
import signal
from dataclasses import replace
from types import SimpleNamespace

import pytest
import ray

from study.config.load import read_study
from study.execution import held_signals  # noqa: F401  imported before the signal comes
from study.pretraining import features
from study.pretraining.features import shares_features
from trainables.contracts import FeaturesJob, FileRef

SIZES = "sizes: {share: [1]}"


@pytest.mark.parametrize(
    ("adaptation", "asked", "initialisation", "shared"),
    [
        ("linear", "", "spark", True),
        ("linear", "", "scratch", True),
        ("full", "", "spark", False),
        ("full", ", settings: {release_epoch: 10}", "spark", True),
        ("full", ", settings: {release_epoch: 10}", "scratch", False),  # each run draws an encoder of its own
        ("full", ", space: {release_epoch: {choices: [0, 5]}}", "spark", True),
        ("full", ", space: {lr: {low: 0.001, high: 0.01}}", "spark", False),
        ("batch_norm", "", "spark", False),
    ],
)
def test_what_sees_a_frozen_encoder_shares_its_features(adaptation, asked, initialisation, shared):
    study = read_study("quickstart", [f"adaptations={{{adaptation}: {{{SIZES}{asked}}}}}"])
    cell = SimpleNamespace(factors={"adaptation": adaptation, "initialisation": initialisation})
    assert shares_features(study, cell) == shared


def test_a_signal_ends_the_wait_for_features_with_its_own_exit_code(ray_cluster, monkeypatch):
    def leave(number, frame):
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)

    def sleep():  # all of it in here, since workers cannot import this file
        import time

        time.sleep(10**6)

    endless = ray.remote(num_cpus=0)(sleep).remote()
    wait = ray.wait

    def signalled(*args, **options):
        monkeypatch.setattr(ray, "wait", wait)
        os.kill(os.getpid(), signal.SIGTERM)
        return wait(*args, **options)

    monkeypatch.setattr(ray, "wait", signalled)
    try:
        with pytest.raises(SystemExit) as ended:
            features._ended([endless])
        assert ray.wait([endless], timeout=0) == ([], [endless]), "it was not waited for"
    finally:
        signal.signal(signal.SIGTERM, before)
        ray.cancel(endless, force=True)
    assert ended.value.code == 143


def test_where_features_are_computed_does_not_name_them_anew():
    job = FeaturesJob(
        backbone="c",
        image_size=64,
        window=(-1000.0, 400.0),
        images=FileRef("a", "1"),
        encoder=FileRef("b", "2"),
        threads=1,
        gpus=0,
    )
    moved = replace(job, gpus=0.5, images=FileRef("elsewhere", "1"), encoder=FileRef("elsewhere", "2"))
    assert features._content(job) == features._content(moved)
    assert features._content(job) != features._content(replace(job, backbone="d"))
