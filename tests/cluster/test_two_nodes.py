"""Ray Train workers on two nodes train together."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.session import WORKER_SETUP, _on_loopback

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def two_nodes() -> Iterator[None]:
    """Two nodes with one CPU for a worker each; the head has another for the controller."""
    import ray
    from ray.cluster_utils import Cluster

    assert not ray.is_initialized(), "run the slow tests in a process of their own: make test-slow"
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    os.environ["RAY_AUTH_MODE"] = "token"
    folder = Path(tempfile.mkdtemp(prefix="lc-nodes-", dir="/tmp"))
    with _on_loopback():
        cluster = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 1, "include_dashboard": False, "temp_dir": str(folder)},
        )
        try:
            cluster.add_node(num_cpus=1)
            ray.init(
                address=cluster.address,
                runtime_env={"worker_process_setup_hook": WORKER_SETUP},
                log_to_driver=False,
                logging_level="ERROR",
            )
            yield
        finally:
            ray.shutdown()
            cluster.shutdown()
            shutil.rmtree(folder, ignore_errors=True)


def meet(config: dict) -> dict:
    """One step of a linear model on each rank's own data: what the ranks share is the averaged gradient."""
    import ray
    import torch
    from ray.train.torch import prepare_model

    rank = ray.train.get_context().get_world_rank()
    model = prepare_model(torch.nn.Linear(1, 1, bias=False))
    model(torch.full((1, 1), float(rank + 1))).sum().backward()
    gradient = next(model.parameters()).grad
    assert gradient is not None
    ray.train.report({})
    node = ray.get_runtime_context().get_node_id()
    nodes: list[str | None] = [None, None]
    torch.distributed.all_gather_object(nodes, node)
    return {"gradient": gradient.item(), "nodes": nodes}


def test_two_workers_on_two_nodes_average_their_gradients(two_nodes: None, tmp_path: Path) -> None:
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    result = TorchTrainer(
        meet,
        scaling_config=ScalingConfig(num_workers=2, placement_strategy="STRICT_SPREAD"),
        run_config=RunConfig(storage_path=str(tmp_path), name="two-nodes"),
    ).fit()
    assert result.return_value["gradient"] == 1.5
    assert len(set(result.return_value["nodes"])) == 2
