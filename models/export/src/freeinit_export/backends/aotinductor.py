"""A bundle's UNet compiled by AOTInductor: machine code for this kind of CPU and one shape.

Sizes are fixed because the package does not check them: at another size it would read out of bounds
or return another shape, in silence. The loader compares every call with the shape in the manifest.
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import torch
from torch.fx.experimental.proxy_tensor import disable_proxy_modes_tracing, make_fx
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from freeinit_export.component import Inputs
from freeinit_export.errors import ExportError, one_line
from freeinit_export.verify import TOLERANCE as TOLERANCES

FILE = "unet.pt2"
TOLERANCE = TOLERANCES[torch.float32]
# What `-march=native` makes use of; names as in /proc/cpuinfo.
_INSTRUCTIONS = (
    "sse4_2", "avx", "avx2", "fma", "f16c", "bmi1", "bmi2", "popcnt", "movbe", "adx", "sha_ni",
    "vaes", "vpclmulqdq", "gfni", "avx_vnni", "avx512f", "avx512bw", "avx512cd", "avx512dq",
    "avx512vl", "avx512_bf16", "avx512_fp16", "avx512_vnni", "avx512vbmi", "avx512_vbmi2",
    "avx512_bitalg", "avx512_vpopcntdq", "amx_tile", "amx_bf16", "amx_int8",
    "asimd", "fphp", "asimdhp", "asimddp", "bf16", "i8mm", "sve", "sve2",
)  # fmt: skip


class _SizesAsNumbers(TorchDispatchMode):
    """TorchScript computes with sizes in tensors without dimensions. They are numbers here, since
    the shape is fixed; recorded as tensors they could not be read back while tracing."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        reads_size = function is torch.ops.aten._local_scalar_dense.default
        if reads_size and not isinstance(args[0], torch.Tensor):
            return args[0]  # one that comes straight from a shape arrives as a number
        tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
        of_sizes = all(x.dim() == 0 and not x.is_floating_point() for x in tensors)
        makes_size = function is torch.ops.aten.scalar_tensor.default
        if makes_size or (tensors and of_sizes):
            with disable_proxy_modes_tracing():
                return function(*args, **(kwargs or {}))
        return function(*args, **(kwargs or {}))


def convert(network: torch.jit.ScriptModule, example: Inputs, contract: str, file: Path) -> None:
    """Writes the package `file` for the shapes of `example`; it carries `contract`."""

    def run(*inputs):
        with _SizesAsNumbers():
            return network(*inputs)

    try:
        program = torch.export.export(make_fx(run)(*example), example, strict=False)
        torch._inductor.aoti_compile_and_package(
            program,
            package_path=str(file),
            inductor_configs={"aot_inductor.metadata": {"freeinit": contract}},
        )
    except Exception as error:  # torch.export and inductor raise kinds of their own
        raise ExportError(f"unet: AOTInductor cannot compile it: {one_line(error)}")


def runner(file: Path):
    return torch._inductor.aoti_load_package(str(file))


def entry() -> dict[str, Any]:
    """What the manifest says beside file, origin and error."""
    return {"cpu_features": cpu_features()}


def cpu_features(info: str | None = None) -> list[str]:
    """Instructions of this CPU that the package may use."""
    if info is None:
        try:
            info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        except OSError:
            raise ExportError(f"backend 'aotinductor': needs Linux, this is {platform.system()}")
    lines = [line for line in info.splitlines() if line.startswith(("flags", "Features"))]
    present = set(lines[0].partition(":")[2].split()) if lines else set()
    return [name for name in _INSTRUCTIONS if name in present]
