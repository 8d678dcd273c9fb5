"""Networks as the driver handles them: checked before anything is computed, drawn, converted."""

import hashlib
import logging
import threading
from pathlib import Path
from typing import Any

from study.config import Study
from study.errors import InputRefused, SurroundingsFailed, last_line
from study.storage import Storage

log = logging.getLogger(__name__)

TIMM = "timm:"

_GENERATOR = threading.Lock()
"""PyTorch's one generator of the process: building a network draws from it, also one whose weights are then loaded, and
encoders are made side by side in threads."""


def check_models(study: Study) -> None:
    """Refuse a backbone, an adaptation of it or a method's settings that cannot work, before anything is computed.

    The backbone takes one pass of each size of image that it will see, on the meta device: nothing is allocated.
    """
    import torch

    from trainables import adaptations, backbones, methods

    with torch.device("meta"):
        try:
            encoder = backbones.build(study.backbone, study.image_size)
        except Exception as error:
            raise InputRefused(f"backbone {study.backbone}: {last_line(error)}") from None
        try:
            backbones.check_forward(encoder, study.image_size)
        except ValueError as error:
            raise InputRefused(f"backbone {study.backbone} {error}; choose another, or another image_size") from None
    for name in study.adaptations:
        try:
            adaptations.get(name).check(encoder)
        except ValueError as error:
            raise InputRefused(f"adaptations.{name}: {study.backbone} {error}; leave it out") from None
    for name, entry in study.pretraining.methods.items():
        parsed = methods.settings_class(entry.method).model_validate(entry.settings)
        about = {"image_size": study.image_size, "batch": study.pretraining.batch_of(name), "window": study.window}
        try:
            with torch.device("meta"):
                method = methods.get(entry.method)(backbones.build(study.backbone, study.image_size), parsed, **about)
            for size in _view_sizes(method):
                backbones.check_forward(encoder, size)
        except ValueError as error:
            raise InputRefused(f"pretraining.methods.{name}: {last_line(error)}") from None


def check_weights(study: Study, root: str | Path) -> None:
    """Refuse a weights file that does not fit the backbone.

    What timm has to download is fetched now, unless the study's folder `root` has the encoder made of it already.
    """
    from trainables.backbones import weights

    for name, source in study.weights.items():
        if source.startswith(TIMM) and Storage(root).exists(f"encoders/{name}-0.json"):
            continue
        try:
            weights.load(source, study.backbone, study.image_size)
        except ValueError as error:
            raise InputRefused(f"weights.{name}: {error}") from None
        except ConnectionError as error:
            raise SurroundingsFailed(f"weights.{name}: {error}") from None


def _view_sizes(method: Any) -> list[int]:
    """The widths of the views that a method makes of an image."""
    import torch

    images = torch.rand(1, 1, method.image_size, method.image_size, generator=torch.Generator().manual_seed(0))
    views = method.views(images, torch.Generator().manual_seed(0))
    return sorted({view.shape[-1] for view in views if view.ndim == 4})


def draw_weights(backbone: str, seed: int, path: Path, image_size: int | None = None) -> None:
    """A backbone's weights at random, as they are before any training."""
    import torch

    from trainables import backbones

    with _GENERATOR, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        backbones.save(backbones.build(backbone, image_size), path, {"initialisation": "scratch"})


def convert_weights(backbone: str, source: str, path: Path, image_size: int | None = None) -> None:
    """A user's weights file, or `timm:<name>`, as a file of one-channel weights under timm's names.

    Says what was dropped and changed. Raises ValueError where the weights do not fit, ConnectionError where they cannot
    be downloaded.
    """
    from trainables import backbones
    from trainables.backbones import weights

    with _GENERATOR:
        module, notes = weights.load(source, backbone, image_size)
    for line in notes:
        log.info(line)
    backbones.save(module, path, {"initialisation": "file"})


def weights_identity(source: str) -> str:
    """The digest of a weights file's bytes; a name that timm downloads stands for itself."""
    return source if source.startswith(TIMM) else hashlib.sha256(Path(source).read_bytes()).hexdigest()
