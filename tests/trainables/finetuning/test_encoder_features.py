import numpy as np
import torch

from study.data import node_cache
from study.data.slice_store import StoreWriter
from trainables.finetuning import encoder_features

WINDOW = (-200.0, 300.0)


def stored(path):
    generator = np.random.default_rng(0)
    with StoreWriter(path, unit="hu") as writer:
        for number in range(7):
            pixels = generator.integers(-300, 400, (40, 40)).astype(np.int16)
            writer.append(pixels, digest=f"{number:032x}", patient="p", series="s", position=0.0)
        return writer.close()


def test_images_are_made_a_batch_at_a_time_out_of_the_nodes_memory_map(tmp_path):
    ref = stored(tmp_path / "slices.arrow")
    images = encoder_features.images(ref, [5, 0, 3], size=32, window=WINDOW)
    whole = node_cache.resized(ref, size=32, window=WINDOW)
    assert isinstance(whole, np.memmap)
    assert len(images) == 3 and images[:].shape == (3, 1, 32, 32) and images[:].dtype == torch.float32
    assert np.array_equal(images[torch.tensor([2, 0])][:, 0].numpy(), (whole[[3, 5]] / 65535).astype(np.float32))
    assert 0 <= images[:].min() and images[:].max() <= 1
    assert [len(each) for each in images.split(2)] == [2, 1]
    assert torch.equal(torch.cat(list(images.split(2))), images[:])
    assert len(encoder_features.images(ref, None, size=32, window=WINDOW)) == 7


def test_no_images_have_no_features(tmp_path):
    ref = stored(tmp_path / "slices.arrow")
    none = encoder_features.images(ref, [], size=32, window=WINDOW)
    encoder = encoder_features.encoder("test_resnet", None, seed=0)
    assert encoder_features.embed(encoder, none, torch.device("cpu")).shape == (0, encoder.num_features)


def test_features_do_not_depend_on_how_images_are_batched(tmp_path, monkeypatch):
    ref = stored(tmp_path / "slices.arrow")
    images = encoder_features.images(ref, None, size=32, window=WINDOW)
    encoder = encoder_features.encoder("test_resnet", None, seed=0)
    together = encoder_features.embed(encoder, images, torch.device("cpu"))
    monkeypatch.setattr(encoder_features, "EMBED_BATCH", 2)
    assert torch.allclose(encoder_features.embed(encoder, images, torch.device("cpu")), together, atol=1e-5)
