"""`labelcurve weights`: what a weights file holds, and the same weights as a study reads them."""

import argparse
import os
from pathlib import Path
from typing import Any

from study.console import printed
from study.errors import InputRefused, SurroundingsFailed

SUFFIX = ".safetensors"


def add_to(commands: Any) -> None:
    """Put the command and its two verbs among `commands`."""
    weights = commands.add_parser("weights", help="look into a weights file from elsewhere, or convert it")
    verbs = weights.add_subparsers(required=True, metavar="VERB")
    inspect = verbs.add_parser("inspect", help="print a weights file's format and the backbones that it fits")
    inspect.add_argument("file", metavar="FILE", type=Path, help="safetensors, or what torch wrote")
    inspect.add_argument("--backbone", metavar="NAME", help="say what is missing for this one")
    inspect.set_defaults(do=_inspect)
    convert = verbs.add_parser("convert", help="write a weights file anew, for one channel and under timm's names")
    convert.add_argument("file", metavar="FILE", help="a weights file, or timm:NAME.TAG to be downloaded")
    convert.add_argument("out", metavar="OUT", type=Path, help=f"the file to write, *{SUFFIX}")
    convert.add_argument("--backbone", metavar="NAME", required=True, help="the timm network that the weights are of")
    convert.add_argument("--force", action="store_true", help="replace OUT where it is there already")
    convert.set_defaults(do=_convert)


def _inspect(options: argparse.Namespace) -> int:
    from trainables import backbones
    from trainables.backbones import weights

    try:
        found = weights.read(options.file)
        print(f"{options.file}: {found.format}")
        for line in found.notes:
            print(f"  {line}")
        channels = found.stem_channels
        print(
            f"  encoder: {len(found.tensors)} tensors, {found.parameters:,} parameters, "
            + (f"a stem of {channels} channel{'s' if channels != 1 else ''}" if channels else "no stem")
        )
        fitting = weights.fitting(found)
        print(f"  fits: {', '.join(fitting) or 'none of the backbones that were tried'}")
        if options.backbone:
            backbones.build(options.backbone)
            for line in weights.fit(found, options.backbone)[1]:
                print(f"  for {options.backbone}: {line}")
            print(f"  fits {options.backbone}")
    except ValueError as error:
        raise InputRefused(str(error)) from None
    return 0


def _convert(options: argparse.Namespace) -> int:
    from study.pretraining.encoder_weights import convert_weights

    out: Path = options.out
    if out.suffix != SUFFIX:
        raise InputRefused(f"{out}: give a name that ends in {SUFFIX}")
    if not out.parent.is_dir():
        raise InputRefused(f"{out}: there is no folder {out.parent}")
    if out.exists() and not options.force:
        raise InputRefused(f"{out} is there already; give another name, or --force to replace it")
    written = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        with printed():
            convert_weights(options.backbone, options.file, written)
        with written.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(written, out)
    except ValueError as error:
        raise InputRefused(str(error)) from None
    except ConnectionError as error:
        raise SurroundingsFailed(str(error)) from None
    finally:
        written.unlink(missing_ok=True)
    print(f"{out}: written for {options.backbone}, one channel")
    return 0
