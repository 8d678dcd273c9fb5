"""The ``labelcurve`` command, and the promise that its four packages are the ones beside this file.

``study``, ``trainables``, ``cluster`` and ``analysis`` are names that a user's own folder may hold too, and the
working folder, ``PYTHONPATH`` and the working folder of a Ray job all come before installed packages. So this
module, whose name nobody else has, says where the four are: in the driver before anything of them is imported,
and in each Ray worker as the setup hook ``labelcurve.pin_packages``.
"""

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

__version__ = "0.1.0"

PACKAGES = ("study", "trainables", "cluster", "analysis")
HOME = os.path.dirname(os.path.abspath(__file__))


class _Beside(MetaPathFinder):
    """Finds the four packages beside this file and nowhere else; their modules follow from the packages."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in PACKAGES:
            return None
        spec = PathFinder.find_spec(fullname, [HOME])
        if spec is None:
            raise ModuleNotFoundError(f"package {fullname} is missing beside {__file__}: install labelcurve again")
        return spec


def pin_packages() -> None:
    """Make the four packages mean the folders beside this file, from now on; calling it again changes nothing."""
    if not any(type(finder).__name__ == _Beside.__name__ for finder in sys.meta_path[:1]):
        sys.meta_path.insert(0, _Beside())
    foreign = {name for name in PACKAGES if name in sys.modules and not _is_ours(sys.modules[name], name)}
    for module in [name for name in sys.modules if name.partition(".")[0] in foreign]:
        del sys.modules[module]


def _is_ours(module: ModuleType, name: str) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and os.path.realpath(os.path.dirname(file)) == os.path.realpath(os.path.join(HOME, name))


def main() -> int:
    """The console command: ``labelcurve ARGUMENTS``. Returns the exit code."""
    if sys.argv[1:] == ["--version"]:
        print(f"labelcurve {__version__}")
        return 0
    pin_packages()
    from study.cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
