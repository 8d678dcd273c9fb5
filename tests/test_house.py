"""The four packages, with names that others have too, are ours wherever the command runs, and planning is cheap."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("study", "trainables", "cluster", "analysis")


def python(*arguments: str, folder: Path, path: str) -> str:
    """What the program prints when it runs in ``folder`` with that PYTHONPATH."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the wheel of this tree is installed, as a user would have it."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    ignore = shutil.ignore_patterns("__pycache__")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=ignore)
    for name in ("labelcurve.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = ["-m", "pip", "--disable-pip-version-check", "--quiet"]
    wheel = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(source)]
    python(*pip, *wheel, folder=folder, path="")
    [built] = folder.glob("*.whl")
    python(*pip, "install", "--no-deps", "--target", str(folder / "site"), str(built), folder=folder, path="")
    return folder / "site"


@pytest.fixture
def decoys(tmp_path: Path) -> Path:
    """A user's folder with packages of the same names, which fail when they are imported."""
    (tmp_path / "study").mkdir()
    for decoy in ("study/__init__.py", "study/cli.py", "analysis.py", "trainables.py", "cluster.py"):
        (tmp_path / decoy).write_text("raise ImportError('this is the decoy')\n")
    return tmp_path


IN_DRIVER_AND_WORKERS = """
import labelcurve
labelcurve.pin_packages()
from cluster.session import session

def origins():
    import analysis, cluster, study.errors, trainables
    return [module.__file__ for module in (analysis, cluster, study, study.errors, trainables)]

class Asked:
    def origins(self):
        return origins()

with session(None, cpus=2):
    import ray
    print(*origins(), *ray.get(ray.remote(origins).remote()), sep="\\n")
    print(*ray.get(ray.remote(Asked).remote().origins.remote()), sep="\\n")
"""


def test_the_installed_wheel_is_used_beside_decoys_in_the_driver_and_in_ray_workers(
    installed: Path, decoys: Path
) -> None:
    (decoys / "program.py").write_text(IN_DRIVER_AND_WORKERS)
    out = python("program.py", folder=decoys, path=f"{decoys}{os.pathsep}{installed}")
    files = [Path(line) for line in out.splitlines()]
    assert len(files) == 15
    assert all(file.is_relative_to(installed) for file in files), out


def test_the_installed_command_plans_a_preset_beside_decoys(installed: Path, decoys: Path) -> None:
    path = f"{decoys}{os.pathsep}{installed}"
    assert "trials" in python("-m", "labelcurve", "plan", "quickstart", folder=decoys, path=path)


def test_the_wheel_holds_the_presets_and_no_tests(installed: Path) -> None:
    presets = {file.name for file in (ROOT / "study" / "presets").glob("*.yaml")}
    assert "quickstart.yaml" in presets
    assert {file.name for file in (installed / "study" / "presets").glob("*.yaml")} == presets
    assert not (installed / "tests").exists()


def test_a_foreign_package_imported_earlier_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "__init__.py").touch()
    (tmp_path / "study" / "cli.py").touch()
    program = (
        "import study.cli, labelcurve; labelcurve.pin_packages(); labelcurve.pin_packages(); "
        "import sys, study.errors; print(study.__file__, 'study.cli' in sys.modules, "
        "sum(type(finder).__module__ == 'labelcurve' for finder in sys.meta_path))"
    )
    out = python("-c", program, folder=tmp_path, path=f"{tmp_path}{os.pathsep}{ROOT}")
    assert out.split() == [str(ROOT / "study" / "__init__.py"), "False", "1"]


@pytest.mark.parametrize(
    "module", ["study.config", "study.planning.plan", "study.planning.subsets", "study.ledger.read", "study.cli"]
)
def test_planning_and_reading_import_no_torch(module: str, tmp_path: Path) -> None:
    program = f"import sys, {module}; print(*sorted({{'torch', 'torchvision', 'timm'}} & set(sys.modules)))"
    assert python("-c", program, folder=tmp_path, path=str(ROOT)).split() == []


def test_the_version_costs_no_imports(tmp_path: Path) -> None:
    program = (
        "import sys, labelcurve; sys.argv[1:] = ['--version']; labelcurve.main(); "
        "print(*sorted({'study', 'pydantic', 'polars', 'ray', 'torch'} & set(sys.modules)))"
    )
    import labelcurve

    out = python("-c", program, folder=tmp_path, path=str(ROOT))
    assert out.split() == ["labelcurve", labelcurve.__version__]
