"""One peer in one process: reads a job a line from stdin, answers with JSON a line.

    {"job": "unet", "input": F.safetensors, "timestep": T, "output": F.safetensors or ""}
    {"job": "generate", "prompt": ..., "seed": ..., ..., "output": F.safetensors or ""}
    {"job": "matmul", "size": N}

The answer holds `seconds` and `cpu_seconds` (of the call alone; the second of all threads) and
`peak_mib` (of the process so far). worker.cpp speaks the same for freeinit.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
answers = os.fdopen(os.dup(1), "w")  # libraries print to stdout
os.dup2(2, 1)

import torch
from safetensors.torch import load_file, save_file


def peak_mib() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmHWM")


def run(peer, job: dict) -> dict:
    if job["job"] == "matmul":
        a, b = torch.randn(2, job["size"], job["size"]).unbind()
        call = lambda: a @ b  # noqa: E731
    elif job["job"] == "unet":
        inputs = load_file(job["input"])
        call = lambda: peer.unet(inputs["latents"], job["timestep"], inputs["text"])  # noqa: E731
    else:
        call = lambda: peer.generate(job)  # noqa: E731
    start, cpu_start = time.perf_counter(), time.process_time()
    output = call()
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    if job.get("output"):
        save_file({"latents": output.contiguous()}, job["output"])
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_mib": peak_mib()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer")
    parser.add_argument("model", type=Path)
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    from peers import PEERS

    start = time.perf_counter()
    with torch.no_grad():
        peer = PEERS[options.peer](options.model, options.threads)
        print(json.dumps({"load_seconds": time.perf_counter() - start}), file=answers, flush=True)
        for line in sys.stdin:
            print(json.dumps(run(peer, json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
