"""Networks as the driver handles them: checked before anything is computed, drawn, converted."""

from pathlib import Path

from study.errors import InputRefused, last_line
from study.spec import Study


def check_models(study: Study) -> None:
    """Refuse a backbone, a method's settings or a weights file that cannot work, before anything is computed."""
    import torch

    from trainables import backbones, methods

    try:
        with torch.device("meta"):
            backbones.build(study.backbone)
    except Exception as error:
        raise InputRefused(f"backbone {study.backbone}: {last_line(error)}") from None
    for name, entry in study.pretraining.methods.items():
        parsed = methods.settings_class(entry.method).model_validate(entry.settings)
        about = {"image_size": study.image_size, "batch": study.pretraining.batch_of(name), "window": study.window}
        try:
            with torch.device("meta"):
                methods.get(entry.method)(backbones.build(study.backbone), parsed, **about)
        except ValueError as error:
            raise InputRefused(f"pretraining.methods.{name}: {last_line(error)}") from None
    for name, path in study.weights.items():
        if not path.is_file():
            raise InputRefused(f"weights.{name}: there is no file {path}")
        try:
            backbones.check_weights(path, study.backbone)
        except ValueError as error:
            raise InputRefused(f"weights.{name}: {error}") from None


def draw_weights(backbone: str, seed: int, path: Path) -> None:
    """A backbone's weights at random, as they are before any training."""
    import torch

    from trainables import backbones

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        backbones.save(backbones.build(backbone), path, {"initialisation": "scratch"})


def convert_weights(backbone: str, source: Path, path: Path) -> None:
    """A user's weights file, under timm's names."""
    from trainables import backbones

    module = backbones.build(backbone)
    backbones.load(module, source)
    backbones.save(module, path, {"initialisation": "file"})
