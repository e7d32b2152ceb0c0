"""Re-initialised noise of every filter at even, odd and non-square sizes.

The inputs are `torch.randn` with the seeds 1 (diffused) and 2 (fresh), so only results are stored.
"""

import torch
from diffusers.pipelines.free_init_utils import FreeInitMixin

from golden_files import write_tensors
from official_formulas import low_pass_mask, mix

SHAPES = [(4, 6, 8), (5, 6, 8), (4, 7, 8), (4, 6, 9), (5, 7, 9), (6, 5, 12)]
METHODS = ["butterworth", "gaussian", "ideal", "box"]


def main():
    results = {}
    for shape in SHAPES:
        full = (1, 2, *shape)
        diffused = torch.randn(full, generator=torch.Generator().manual_seed(1))
        fresh = torch.randn(full, generator=torch.Generator().manual_seed(2))
        for method in METHODS:
            mask = low_pass_mask(method, *shape, 0.5, 0.5)
            result = mix(diffused, fresh, mask)
            assert torch.equal(result, FreeInitMixin()._apply_freq_filter(diffused, fresh, mask.expand(1, 2, *shape)))
            results[f"{method}_{'x'.join(map(str, shape))}"] = result
    write_tensors("reinit.safetensors", results)
    print(f"reinit: {len(results)} results")


if __name__ == "__main__":
    main()
