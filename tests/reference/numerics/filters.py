"""Masks of every filter. Bit-equality is checked through a hash; small masks are stored whole."""

import torch
from diffusers.pipelines.free_init_utils import FreeInitMixin

from golden_files import fnv1a, write_json, write_tensors
from official_formulas import low_pass_mask

STOPS = [(0.25, 0.25), (0.5, 0.25), (0.25, 0.5), (0.6, 0.3), (1.0, 1.0), (0.0, 0.25), (0.25, 0.0)]
KINDS = [("butterworth", order) for order in (4, 1, 2.5)] + [
    ("gaussian", 4),
    ("ideal", 4),
    ("box", 4),
]
# Even, odd in each axis, non-square, one frame, box rounding (T = 20, 28), portrait (W // 2 < k_s).
SMALL = [(4, 6, 8), (5, 6, 8), (4, 7, 8), (4, 6, 9), (5, 7, 9), (1, 8, 8), (20, 10, 6), (28, 5, 12), (3, 40, 22)]
LARGE = [(16, 64, 64), (15, 64, 64), (16, 63, 64), (24, 45, 80), (13, 45, 33), (20, 40, 64)]
PORTRAIT = [((2, 80, 45), 1.0), ((2, 96, 40), 0.5), ((2, 80, 45), 0.6)]
WHOLE = [(4, 6, 8), (5, 7, 9)]


def cases():
    for shape in SMALL:
        for d_s, d_t in STOPS:
            for method, order in KINDS:
                yield shape, method, order, d_s, d_t
    for shape in LARGE:
        for method, order in [("butterworth", 4), ("gaussian", 4), ("ideal", 4), ("box", 4)]:
            yield shape, method, order, 0.25, 0.25
    yield (16, 64, 64), "butterworth", 2.5, 0.3, 0.2
    yield (24, 45, 80), "butterworth", 7, 0.7, 0.9
    for shape, d_s in PORTRAIT:
        yield shape, "box", 4, d_s, 0.5


def check_against_diffusers(mask, shape, method, order, d_s, d_t):
    theirs = FreeInitMixin()._get_free_init_freq_filter((1, 1, *shape), "cpu", method, order, d_s, d_t)
    assert torch.equal(theirs[0, 0], mask), (shape, method, order, d_s, d_t)


def main():
    rows, whole, compared = [], {}, 0
    for shape, method, order, d_s, d_t in cases():
        mask = low_pass_mask(method, *shape, d_s, d_t, order)
        if method != "box" and (shape in SMALL[:5] or shape == (16, 64, 64)) and order in (4, 2.5):
            check_against_diffusers(mask, shape, method, order, d_s, d_t)
            compared += 1
        rows.append(
            {"shape": shape, "method": method, "order": order, "d_s": d_s, "d_t": d_t,
             "fnv1a": fnv1a(mask), "sum": float(mask.double().sum())}
        )
        if shape in WHOLE and (d_s, d_t, order) == (0.25, 0.5, 4):
            whole[f"{method}_{'x'.join(map(str, shape))}"] = mask
    write_json("filters.json", {"cases": rows})
    write_tensors("filters.safetensors", whole)
    print(f"filters: {len(rows)} masks, {compared} also compared with diffusers")


if __name__ == "__main__":
    main()
