"""What `compare` does, on a CUDA device in half precision.

    python benchmarks/run.py cuda build/benchmarks/compare_worker [--cuda-graphs PROGRAM]

Takes the options of `compare` and writes results/cuda_SIZE.json. PROGRAM is compare_worker of a
second build with FREEINIT_WITH_CUDA_GRAPHS=ON. Has not been run on such a device so far; with
`--device cpu` every part runs but those of the device.
"""

from __future__ import annotations

from experiments.compare import compare_sizes
from report.tables import compared


def main() -> None:
    settings = {"device": "cuda", "dtype": "float16", "name": "cuda", "steps": 25, "passes": 3}
    for result in compare_sizes(__doc__.splitlines()[0], **settings):
        print(f"\n{result['size']}\n\n{compared(result)}\n", flush=True)

