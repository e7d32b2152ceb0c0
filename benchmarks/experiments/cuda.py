"""The comparison of ../compare on a CUDA device in half precision; prints the tables of docs/performance.md.

    python benchmarks/cuda/compare_cuda.py build/benchmarks/compare_worker [--cuda-graphs PROGRAM]

Takes the options of compare.py and writes results/cuda_SIZE.json. PROGRAM is compare_worker of a
second build with FREEINIT_WITH_CUDA_GRAPHS=ON. Has not been run on such a device so far; with
`--device cpu` every part runs but those of the device.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "compare"))

from compare import compare_sizes
from report import compared


def main() -> None:
    settings = {"device": "cuda", "dtype": "float16", "name": "cuda", "steps": 25, "passes": 3}
    for result in compare_sizes(__doc__.splitlines()[0], **settings):
        print(f"\n{result['size']}\n\n{compared(result)}\n", flush=True)


if __name__ == "__main__":
    main()
