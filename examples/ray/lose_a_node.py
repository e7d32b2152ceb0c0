"""Every job is done exactly once though a node is lost: on a cluster of 2 nodes of this machine.

    python lose_a_node.py build/release/bin/freeinit

One node is killed when a third of the jobs are done. Run by hand; the README states what came of it.
"""

from __future__ import annotations

import collections
import json
import pathlib
import sys
import tempfile

import ray
from jobs_over_ray import batch_command, results
from ray.cluster_utils import Cluster

NUM_JOBS = 12


def jobs() -> list[str]:
    settings = {"prompt": "a red circle moving right", "num_inference_steps": 5, "num_iters": 2}
    return [json.dumps({**settings, "seed": seed, "name": f"job_{seed}"}) for seed in range(NUM_JOBS)]


def main() -> None:
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})  # the driver's, without work
    nodes = [cluster.add_node(num_cpus=2) for _ in range(2)]
    ray.init(address=cluster.address, log_to_driver=False)
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "videos"
        freeinit = str(pathlib.Path(sys.argv[1]).absolute())
        statuses = collections.Counter()
        for result in results(jobs(), batch_command(out, freeinit), workers=4):
            statuses[result["name"], result["status"]] += 1
            print(result["name"], result["status"], f"{statuses.total()} of {NUM_JOBS}", flush=True)
            if statuses.total() == NUM_JOBS // 3:
                cluster.remove_node(nodes.pop(), allow_graceful=False)
                print("killed a node", flush=True)
        kept = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
        done = collections.Counter(result["name"] for result in kept if result["status"] == "done")
        expected = {f"job_{seed}": 1 for seed in range(NUM_JOBS)}
        videos = {path.stem for path in out.glob("*.mp4")}
        assert {name for name, _ in statuses} == set(expected) and statuses.total() == NUM_JOBS, statuses
        assert done == expected and videos == set(expected), (done, videos)
        print(f"{NUM_JOBS} jobs, each done once, on {len(nodes)} of 2 nodes at the end")
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main()
