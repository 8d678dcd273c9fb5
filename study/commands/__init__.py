"""The commands of `labelcurve`: one file each in this folder, found by its name.

A command's file defines ``add_to(commands)``, which adds its parser to argparse's and sets ``do`` to what it does with
the options, which returns the exit code. What is slow to import is imported when the command runs.
"""

import importlib
import pkgutil
from types import ModuleType


def modules() -> list[ModuleType]:
    """The commands, by name; files that begin with an underscore are what they share."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    return [importlib.import_module(f"{__name__}.{name}") for name in names]
