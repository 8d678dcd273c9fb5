"""The program of test_two_nodes: two Ray nodes, a Train worker on each. Prints what the first worker returns as JSON.

A process of its own, since Ray reads when it is imported how its clusters are guarded.
"""

import json
import sys

import ray
import torch
from ray.cluster_utils import Cluster
from ray.train import RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer, prepare_model

from cluster.session import WORKER_SETUP


def meet(config: dict) -> dict:
    """One step of a linear model on each rank's own data: what the ranks share is the averaged gradient."""
    rank = ray.train.get_context().get_world_rank()
    model = prepare_model(torch.nn.Linear(1, 1, bias=False))
    model(torch.full((1, 1), float(rank + 1))).sum().backward()
    gradient = next(model.parameters()).grad
    nodes: list[str | None] = [None, None]
    torch.distributed.all_gather_object(nodes, ray.get_runtime_context().get_node_id())
    ray.train.report({})
    return {"gradient": gradient.item(), "nodes": nodes}


def main(storage: str) -> None:
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        ray.init(
            address=cluster.address,
            runtime_env={"worker_process_setup_hook": WORKER_SETUP},
            log_to_driver=False,
            logging_level="ERROR",
        )
        result = TorchTrainer(
            meet,
            scaling_config=ScalingConfig(num_workers=2, placement_strategy="STRICT_SPREAD"),
            run_config=RunConfig(storage_path=storage, name="two-nodes"),
        ).fit()
        print(json.dumps(result.return_value))
    finally:
        ray.shutdown()
        cluster.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
