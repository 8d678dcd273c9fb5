"""What every test stands on: a quiet machine of its own, one Ray, and the real images where they are at hand."""

import logging
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Before anything imports numpy or torch, and inherited by each process that a test starts.
os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
# Ray's workers run at niceness 15 otherwise: beside four busy loops on two cores one gets 2 % of a core.
os.environ["RAY_worker_niceness"] = "0"
for variable in ("RAY_ADDRESS", "LABELCURVE_FAILPOINT", "LABELCURVE_PSEUDONYM_KEY"):
    os.environ.pop(variable, None)


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Caches and keys of the tests lie in a folder of their own; the user's are neither read nor written."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
        patch.setenv("LABELCURVE_CACHE", str(home / "cache"))
        yield home


class Lines(logging.Handler):
    """Keeps what is logged, line by line."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What our packages say to the user meanwhile."""
    from study import console

    handler = Lines()
    with console._handled(handler):
        yield handler.lines


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[str]:
    """A private Ray with two CPUs, shared by all tests that ask for it; its address."""
    import ray

    from cluster.session import session

    with session(None, cpus=2):
        yield ray.get_runtime_context().gcs_address


@pytest.fixture(scope="session")
def object_store() -> Iterator[str]:
    """A bucket of an S3 server on loopback, whose address this process and those that it starts find in the
    environment; its URL."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", address)
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        import fsspec

        fsspec.filesystem("s3").mkdir("results")
        yield "s3://results"
    server.stop()


@pytest.fixture
def bucket(object_store: str) -> str:
    """A folder of the bucket that no other test knows; its URL."""
    return f"{object_store}/{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real CT images: $LABELCURVE_TEST_DATA, or ``../shared/data`` beside the checkout."""
    folder = Path(os.environ.get("LABELCURVE_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"needs real images in {folder}; set LABELCURVE_TEST_DATA")
    return folder.resolve()
