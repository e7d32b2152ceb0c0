"""Sequences of draws from torch.Generator: shapes below 16 elements and off multiples of 16, every
dtype, one generator and a list."""

import torch
from diffusers.utils.torch_utils import randn_tensor

from golden_files import write_json, write_tensors

DTYPES = {"float32": torch.float32, "float64": torch.float64, "float16": torch.float16, "bfloat16": torch.bfloat16}
SEQUENCES = [
    {"seeds": [0], "shapes": [[7], [16], [3]], "dtype": "float32"},
    {"seeds": [1], "shapes": [[1], [15], [17], [2, 3, 5]], "dtype": "float32"},
    {"seeds": [42], "shapes": [[2, 2, 3, 3, 3], [33], [31]], "dtype": "float32"},
    {"seeds": [2**40 + 5], "shapes": [[20], [20]], "dtype": "float32"},
    {"seeds": [3], "shapes": [[7], [32], [19]], "dtype": "float64"},
    {"seeds": [4], "shapes": [[7], [32], [19]], "dtype": "float16"},
    {"seeds": [5], "shapes": [[7], [32], [19]], "dtype": "bfloat16"},
    {"seeds": [6, 7], "shapes": [[2, 7], [2, 3, 3, 3], [2, 16]], "dtype": "float32"},
    {"seeds": [8, 9, 8], "shapes": [[3, 5], [3, 17]], "dtype": "float16"},
]


def main():
    tensors = {}
    for number, sequence in enumerate(SEQUENCES):
        generators = [torch.Generator().manual_seed(seed) for seed in sequence["seeds"]]
        generator = generators if len(generators) > 1 else generators[0]
        for draw, shape in enumerate(sequence["shapes"]):
            tensors[f"{number}_{draw}"] = randn_tensor(tuple(shape), generator=generator, dtype=DTYPES[sequence["dtype"]])
    write_json("noise.json", {"sequences": SEQUENCES})
    write_tensors("noise.safetensors", tensors)
    print(f"noise: {len(tensors)} draws")


if __name__ == "__main__":
    main()
