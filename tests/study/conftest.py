"""A private Ray for the tests of this folder."""

import os
import shutil
import tempfile

import pytest

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"


@pytest.fixture(scope="session")
def ray_cluster():
    """One Ray on this machine with two CPUs, shared by all tests; its address."""
    import ray

    folder = tempfile.mkdtemp(prefix="lcr", dir="/tmp")
    context = ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        _temp_dir=folder,
    )
    yield context.address_info["address"]
    ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)
