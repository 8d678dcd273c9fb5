"""Networks as the driver handles them: checked before anything is computed, drawn, converted."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from study.config import Study
from study.errors import InputRefused, SurroundingsFailed, last_line
from study.storage import Storage

TIMM = "timm:"


def check_models(study: Study, root: str | Path) -> None:
    """Refuse a backbone, a method's settings or a weights file that cannot work, before anything is computed.

    What timm has to download is fetched now, unless the study's folder `root` has the encoder made of it already.
    """
    import torch

    from trainables import backbones, methods
    from trainables.backbones import weights
    from trainables.finetuning import classifier

    try:
        with torch.device("meta"):
            encoder = backbones.build(study.backbone)
    except Exception as error:
        raise InputRefused(f"backbone {study.backbone}: {last_line(error)}") from None
    if "batch_norm" in study.adaptations and not classifier.batch_norms(encoder):
        raise InputRefused(f"adaptations.batch_norm: {study.backbone} has no batch norm to train; leave it out")
    for name, entry in study.pretraining.methods.items():
        parsed = methods.settings_class(entry.method).model_validate(entry.settings)
        about = {"image_size": study.image_size, "batch": study.pretraining.batch_of(name), "window": study.window}
        try:
            with torch.device("meta"):
                methods.get(entry.method)(backbones.build(study.backbone), parsed, **about)
        except ValueError as error:
            raise InputRefused(f"pretraining.methods.{name}: {last_line(error)}") from None
    for name, source in study.weights.items():
        if source.startswith(TIMM) and Storage(root).exists(f"encoders/{name}-0.json"):
            continue
        try:
            weights.load(source, study.backbone)
        except ValueError as error:
            raise InputRefused(f"weights.{name}: {error}") from None
        except ConnectionError as error:
            raise SurroundingsFailed(f"weights.{name}: {error}") from None


def draw_weights(backbone: str, seed: int, path: Path) -> None:
    """A backbone's weights at random, as they are before any training."""
    import torch

    from trainables import backbones

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        backbones.save(backbones.build(backbone), path, {"initialisation": "scratch"})


def convert_weights(backbone: str, source: str, path: Path, say: Callable[[str], None]) -> None:
    """A user's weights file, or `timm:<name>`, as a file of one-channel weights under timm's names.

    Says what was dropped and changed. Raises ValueError where the weights do not fit, ConnectionError where they cannot
    be downloaded.
    """
    from trainables import backbones
    from trainables.backbones import weights

    module, said = weights.load(source, backbone)
    for line in said:
        say(line)
    backbones.save(module, path, {"initialisation": "file"})


def weights_identity(source: str) -> str:
    """The digest of a weights file's bytes; a name that timm downloads stands for itself."""
    return source if source.startswith(TIMM) else hashlib.sha256(Path(source).read_bytes()).hexdigest()
