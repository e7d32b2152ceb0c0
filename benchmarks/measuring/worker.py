"""One peer in one process: reads a job a line from stdin, answers with JSON a line.

    {"job": "unet", "input": F.safetensors, "timestep": T, "output": F.safetensors or ""}
    {"job": "generate", "prompt": ..., "seed": ..., ..., "output": F.safetensors or ""}
    {"job": "matmul", "size": N}

A generation with "parts": true says what each network took, in CPU seconds; with "decode_chunk_size"
it decodes so many frames at a time. The answer holds `seconds` and `cpu_seconds` (of the call alone;
the second of all threads) and `peak_mib`, of the process so far: its resident set, or on a CUDA device
what its allocator has reserved there. worker.cpp speaks the same for freeinit.
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
from measuring.peers import PEERS, Setting
from safetensors.torch import load_file, save_file


def synchronize(device: str) -> None:
    """Waits for what was queued on a device: calls there return before they are done."""
    if device != "cpu":
        torch.cuda.synchronize(device)


def peak_mib(device: str) -> float:
    """On a device the count of LibTorch's allocator, which worker.cpp reads too: the device's own
    figure is not of one process, and all peers are there at the same time."""
    if device != "cpu":
        return torch.cuda.max_memory_reserved(device) / 2**20
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmHWM")


def run(peer, job: dict, setting: Setting) -> dict:
    place = {"device": setting.device, "dtype": setting.dtype}
    if job["job"] == "matmul":
        a, b = torch.randn(2, job["size"], job["size"], **place).unbind()
        call = lambda: a @ b  # noqa: E731
    elif job["job"] == "unet":
        inputs = {name: value.to(**place) for name, value in load_file(job["input"]).items()}
        call = lambda: peer.unet(inputs["latents"], job["timestep"], inputs["text"])  # noqa: E731
    else:
        call = lambda: peer.generate(job)  # noqa: E731
    synchronize(setting.device)
    start, cpu_start = time.perf_counter(), time.process_time()
    output = call()
    synchronize(setting.device)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    if job.get("output"):
        save_file({"latents": output.contiguous()}, job["output"])
    answer = {"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_mib": peak_mib(setting.device)}
    return {**answer, "parts": peer.loop.parts} if job.get("parts") else answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer")
    parser.add_argument("model", type=Path)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--dtype", required=True)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    setting = Setting(options.model, options.threads, options.device, getattr(torch, options.dtype))

    start = time.perf_counter()
    with torch.no_grad():
        peer = PEERS[options.peer](setting)
        print(json.dumps({"load_seconds": time.perf_counter() - start}), file=answers, flush=True)
        for line in sys.stdin:
            print(json.dumps(run(peer, json.loads(line), setting)), file=answers, flush=True)


if __name__ == "__main__":
    main()
