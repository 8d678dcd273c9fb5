"""The program of test_two_nodes: two Ray nodes, a Train worker on each, one encoder. Prints what came out as JSON.

A process of its own, since Ray reads when it is imported how its clusters are guarded.
"""

import json
import sys
from pathlib import Path

import numpy as np
import ray
import torch
from ray.cluster_utils import Cluster
from ray.train import RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer

from cluster.private_ray import WORKER_SETUP
from study.data.slice_store import StoreWriter
from tests.trainables.small_pretraining import SMALL_PRETRAINING
from trainables import methods
from trainables.contracts import CorpusImageRows, PretrainConfig
from trainables.pretraining.loop import loop


def pretrain_and_say_where(config: dict) -> dict:
    """The loop, then on each rank: every rank's node."""
    loop(config)
    nodes: list[str | None] = [None, None]
    torch.distributed.all_gather_object(nodes, ray.get_runtime_context().get_node_id())
    return {"nodes": nodes}


def write_slices(folder: Path) -> CorpusImageRows:
    random = np.random.default_rng(0)
    with StoreWriter(folder / "slices.arrow", unit="grey") as writer:
        for i in range(32):
            pixels = random.integers(0, 255, (96, 96), dtype=np.uint8)
            writer.append(pixels, digest=f"{i:032x}", patient="p", series="s", position=float(i))
        ref = writer.close()
    return CorpusImageRows(ref, None)


def main(method: str, storage: str) -> None:
    settings = {"spark": {"decoder_width": 32}, "moco_v2": {"queue": 32, "bn_splits": 2}}[method]
    of_run = {"method": method, "settings": methods.validate_settings(method, settings), "backbone": "resnet18"}
    size = {"image_size": 64, "batch": 8, "images": 24, "sources": [write_slices(Path(storage))]}
    config = PretrainConfig(**SMALL_PRETRAINING | of_run | size)
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
            pretrain_and_say_where,
            train_loop_config={"config": config},
            scaling_config=ScalingConfig(num_workers=2, placement_strategy="STRICT_SPREAD"),
            run_config=RunConfig(storage_path=storage, name=method),
        ).fit()
        with result.checkpoint.as_directory() as folder:
            history = json.loads((Path(folder) / "history.json").read_text())
            exported = (Path(folder) / "encoder.safetensors").is_file()
        print(json.dumps({**result.return_value, "history": history, "exported": exported}))
    finally:
        ray.shutdown()
        cluster.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
