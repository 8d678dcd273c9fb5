import torch

from trainables.transforms.labelled_augmentation import augment


def seeded():
    return torch.Generator().manual_seed(3)


def test_strength_zero_changes_nothing():
    images = torch.rand(4, 1, 16, 16)
    assert augment(images, 0.0, seeded()) is images


def test_the_generator_alone_decides():
    images = torch.rand(4, 1, 16, 16)
    assert torch.equal(augment(images, 1.0, seeded()), augment(images, 1.0, seeded()))
    generator = seeded()
    assert not torch.equal(augment(images, 1.0, generator), augment(images, 1.0, generator))


def test_images_are_moved_little_each_in_its_own_way_and_half_of_them_flipped():
    image = torch.zeros(1, 1, 32, 32)
    image[..., 12:20, 4:10] = 1  # a bar left of the middle
    moved = augment(image.expand(200, -1, -1, -1), 1.0, seeded())
    assert moved.shape == (200, 1, 32, 32) and 0 <= moved.min() and moved.max() <= 1 + 1e-6
    flipped = moved[..., 16:].sum((1, 2, 3)) > moved[..., :16].sum((1, 2, 3))
    assert 70 < flipped.sum() < 130
    assert len(moved.flatten(1).unique(dim=0)) == 200
