"""A labelled image file to grey values."""

import io

import numpy as np
from PIL import Image


def decode_grey(data: bytes) -> np.ndarray:
    """Any image Pillow knows, whatever its name ends in, as uint8 (H, W). Raises ValueError when it cannot be decoded.

    Colours become their luma, transparency is laid on black, 16-bit values keep their high byte, and of several
    frames the first is taken.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            return _grey(image)
    except Exception as error:  # decoders raise whatever they like
        raise ValueError(f"cannot be decoded as an image ({type(error).__name__})") from error


def _grey(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _scaled(np.asarray(image))
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, (0, 0, 0, 255)), rgba)
    if image.mode == "P":
        image = image.convert("RGB")
    return np.array(image.convert("L"), dtype=np.uint8)


def _scaled(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "f" or values.min() < 0 or values.max() > 65535:
        raise ValueError("its values are neither 8 nor 16 bits")
    return (values.astype(np.uint32) >> 8).astype(np.uint8)
