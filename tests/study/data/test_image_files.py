import io

import numpy as np
import pytest
from PIL import Image

from study.data.image_files import decode_grey


def _png(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


GREY = np.arange(0, 240, 10, dtype=np.uint8).reshape(4, 6)


def _rgba(alpha):
    return Image.fromarray(np.dstack([GREY, GREY, GREY, np.full_like(GREY, alpha)]))


@pytest.mark.parametrize(
    "data",
    [
        _png(Image.fromarray(GREY)),
        _png(Image.fromarray(GREY), "BMP"),
        _png(Image.fromarray(GREY), "TIFF"),
        _png(Image.fromarray(GREY).convert("RGB")),
        _png(Image.fromarray(GREY).convert("P")),
        _png(_rgba(255)),
        _png(Image.fromarray(GREY.astype(np.uint16) * 256 + 77)),
        _png(Image.fromarray(GREY.astype(np.uint16) * 256 + 77), "TIFF"),
    ],
    ids=["png", "bmp", "tiff", "rgb", "palette", "rgba", "png16", "tiff16"],
)
def test_every_kind_of_file_becomes_the_same_grey(data):
    decoded = decode_grey(data)
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, GREY)


def test_transparency_lies_on_black():
    np.testing.assert_array_equal(decode_grey(_png(_rgba(0))), np.zeros_like(GREY))
    np.testing.assert_allclose(decode_grey(_png(_rgba(128))), GREY / 2, atol=1)


@pytest.mark.parametrize("data", [b"", b"no image", _png(Image.fromarray(GREY))[:-30]])
def test_what_cannot_be_decoded_says_so(data):
    with pytest.raises(ValueError, match="cannot be decoded"):
        decode_grey(data)
