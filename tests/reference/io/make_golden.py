"""Writes tests/golden/io: a .safetensors file made by the Python package for every whole-byte dtype.

    python tests/reference/io/make_golden.py

all_dtypes.safetensors holds for each dtype "D" the tensors "D" (shape [2,3]), "D.scalar" (shape []) and
"D.empty" (shape [0,4]), whose bytes count up from the tensor's place in the list: see `content`.
"""

import ctypes
import pathlib

from safetensors import TensorSpec, serialize_file

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "golden" / "io"
DTYPES = {
    "BOOL": ("bool", 1), "U8": ("uint8", 1), "I8": ("int8", 1), "F8_E5M2": ("float8_e5m2", 1),
    "F8_E4M3": ("float8_e4m3fn", 1), "I16": ("int16", 2), "U16": ("uint16", 2), "F16": ("float16", 2),
    "BF16": ("bfloat16", 2), "I32": ("int32", 4), "U32": ("uint32", 4), "F32": ("float32", 4),
    "C64": ("complex64", 8), "F64": ("float64", 8), "I64": ("int64", 8), "U64": ("uint64", 8),
}
METADATA = {"note": 'quotes " and \\ and \u00e9 \u6771 \n'}  # one key: several have no fixed order


def content():
    tensors = {}
    for place, (name, (dtype, size)) in enumerate(DTYPES.items()):
        for suffix, shape, count in [("", [2, 3], 6), (".scalar", [], 1), (".empty", [0, 4], 0)]:
            data = bytes((place + i) % (2 if name == "BOOL" else 256) for i in range(count * size))
            tensors[name + suffix] = (dtype, shape, data)
    return tensors


def main():
    GOLDEN.mkdir(parents=True, exist_ok=True)
    buffers, specs = [], {}
    for name, (dtype, shape, data) in content().items():
        buffers.append(ctypes.create_string_buffer(data, max(1, len(data))))  # must outlive the specs
        pointer = ctypes.addressof(buffers[-1])
        specs[name] = TensorSpec(dtype=dtype, shape=shape, data_ptr=pointer, data_len=len(data))
    serialize_file(specs, GOLDEN / "all_dtypes.safetensors", METADATA)


if __name__ == "__main__":
    main()
