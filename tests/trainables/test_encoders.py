import numpy as np
import torch

from study.data import cache
from study.data.store import StoreWriter
from trainables import encoders

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
    ref = {"uri": ref.uri, "digest": ref.digest}
    images = encoders.images(ref, [5, 0, 3], size=32, window=WINDOW)
    whole = cache.resized(ref, size=32, window=WINDOW)
    assert isinstance(whole, np.memmap)
    assert len(images) == 3 and images[:].shape == (3, 1, 32, 32) and images[:].dtype == torch.float32
    assert np.array_equal(images[torch.tensor([2, 0])][:, 0].numpy(), (whole[[3, 5]] / 65535).astype(np.float32))
    assert 0 <= images[:].min() and images[:].max() <= 1
    assert [len(each) for each in images.split(2)] == [2, 1]
    assert torch.equal(torch.cat(list(images.split(2))), images[:])
    assert len(encoders.images(ref, None, size=32, window=WINDOW)) == 7


def test_no_images_have_no_features(tmp_path):
    ref = stored(tmp_path / "slices.arrow")
    none = encoders.images({"uri": ref.uri, "digest": ref.digest}, [], size=32, window=WINDOW)
    encoder = encoders.encoder("test_resnet", None, seed=0)
    assert encoders.embed(encoder, none, torch.device("cpu")).shape == (0, encoder.num_features)


def test_features_do_not_depend_on_how_images_are_batched(tmp_path, monkeypatch):
    ref = stored(tmp_path / "slices.arrow")
    images = encoders.images({"uri": ref.uri, "digest": ref.digest}, None, size=32, window=WINDOW)
    encoder = encoders.encoder("test_resnet", None, seed=0)
    together = encoders.embed(encoder, images, torch.device("cpu"))
    monkeypatch.setattr(encoders, "EMBED_BATCH", 2)
    assert torch.allclose(encoders.embed(encoder, images, torch.device("cpu")), together, atol=1e-5)
