"""Tracing, and finding out what a trace has baked in.

`torch.jit.trace` records one run: a Python number made from a shape becomes a constant, a Python
branch becomes the side that was taken, and both may go wrong in silence. Three checks stand here;
comparing with the original at other shapes (`verify.py`) is the fourth.

* The model is traced twice, at sizes that differ in every dimension: whatever differs between the
  two graphs was baked in. This needs no list of suspicious numbers and cannot hit a harmless
  constant.
* No device may be written into the graph, else a graph traced on the CPU breaks on a GPU.
* A TracerWarning that is not known to be harmless fails the export.
"""

from __future__ import annotations

import linecache
import re
import warnings

import torch

from freeinit_export.errors import ExportError, one_line
from freeinit_export.networks.component import Component

# (end of the file's name, part of the warning's source line): seen and judged harmless.
HARMLESS_WARNINGS = (
    # Group norm refuses a single value per group: true at no size that can be sampled.
    ("torch/nn/functional.py", "if size_prods == 1"),
    # Checks of channel counts, which are fixed.
    ("diffusers/models/downsampling.py", "assert hidden_states.shape[1] == self.channels"),
    ("diffusers/models/upsampling.py", "assert hidden_states.shape[1] == self.channels"),
    # Works around defects of CUDA kernels: makes large tensors contiguous, which changes no value.
    ("diffusers/models/upsampling.py", "hidden_states.shape[0] >= 64"),
    ("diffusers/models/upsampling.py", "zip(output_size, hidden_states.shape[-2:])"),
    ("diffusers/models/upsampling.py", "hidden_states.numel() * scale_factor"),
    # Refuses texts that are too long, which the loader does too.
    ("transformers/models/clip/modeling_clip.py", "if seq_length > max_position_embedding"),
    # Causal masks: "as many keys as queries" and "more than one query" hold for every text; a
    # single query gives the same with and without the mask.
    ("transformers/masking_utils.py", "q_length == 1 or kv_length == q_length"),
    ("transformers/integrations/sdpa_attention.py", "q_length > 1 and attention_mask is None"),
    ("transformers/integrations/sdpa_attention.py", "q_length > 1 and kv_length > q_length"),
    # "Sizes are not divisible": traced at odd sizes it is true, and that path serves every size.
    ("diffusers/models/unets/unet_motion_model.py", "default_overall_up_factor"),
    ("diffusers/models/unets/unet_3d_condition.py", "default_overall_up_factor"),
    # VideoCrafter: "the batch is not empty", fixed channel counts.
    ("lvdm/modules/networks/openaimodel3d.py", "batch_size:"),
    ("lvdm/modules/networks/openaimodel3d.py", "assert x.shape[1] == self.channels"),
    ("lvdm/modules/networks/ae_modules.py", "(int(c)**(-0.5))"),
)


def trace_component(component: Component) -> torch.jit.ScriptModule:
    """The traced network of `component`, after the checks above. Call it under
    `torch.no_grad()`."""
    module = component.build().eval()
    first = _trace(component, module, 0)
    second = _trace(component, module, 1)
    for method in component.methods:
        graph = _canonical(getattr(first, method.name))
        _refuse_baked_sizes(component, graph, _canonical(getattr(second, method.name)))
        _refuse_devices(component, graph)
    return first


def _trace(component: Component, module: torch.nn.Module, index: int) -> torch.jit.ScriptModule:
    inputs = {method.name: method.traces[index] for method in component.methods}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            # check_trace would only repeat the same input, which shows nothing.
            traced = torch.jit.trace_module(module, inputs, check_trace=False)
        except Exception as error:  # tracing raises whatever the model raises
            raise ExportError(f"{component.file}: the network cannot be traced: {one_line(error)}")
    for warning in caught:
        _refuse_unknown_warning(component, warning)
    return traced


def _refuse_unknown_warning(component: Component, warning: warnings.WarningMessage) -> None:
    if not issubclass(warning.category, torch.jit.TracerWarning):
        return
    line = linecache.getline(warning.filename, warning.lineno).strip()
    path = warning.filename.replace("\\", "/")
    if any(path.endswith(name) and part in line for name, part in HARMLESS_WARNINGS):
        return
    where = "/".join(path.split("/")[-3:])
    raise ExportError(
        f"{component.file}: tracing warns about '{line}' ({where}:{warning.lineno}), which may fix"
        " a size or a value in the exported network; expected a network whose control flow does"
        " not read tensors"
    )


def _canonical(method) -> list[str]:
    """The graph of a traced method as lines, without shapes, source positions and the counters in class names, and
    with the content of constant tensors, which a graph prints as `<Tensor>`."""
    graph = method.inlined_graph.copy()
    torch._C._jit_pass_erase_shape_information(graph)
    lines = re.sub(r"___torch_mangle_\d+\.", "", graph.str(False)).splitlines()
    for node in graph.findAllNodes("prim::Constant", recurse=True):
        if node.hasAttribute("value") and node.kindOf("value") == "t":
            tensor = node.t("value")
            lines.append(f"constant tensor {tuple(tensor.shape)} = {tensor.tolist()}")
    return lines


def _refuse_baked_sizes(component: Component, first: list[str], second: list[str]) -> None:
    if first == second:
        return
    names = [
        tuple(dict.fromkeys(size for tensor in inputs for size in tensor.shape))
        for inputs in component.traces
    ]
    found = "their structure differs"
    if len(first) == len(second):
        one, two = next((a, b) for a, b in zip(first, second, strict=True) if a != b)
        found = f"'{_expression(one)}' became '{_expression(two)}'"
    raise ExportError(
        f"{component.file}: the network does not generalise: traced at sizes {names[0]} and"
        f" {names[1]} its two graphs differ ({found}); expected a network that reads every size"
        " from its inputs"
    )


def _refuse_devices(component: Component, graph: list[str]) -> None:
    for line in graph:
        if re.search(r": Device = prim::Constant", line):
            raise ExportError(
                f"{component.file}: the graph names a device ('{_expression(line)}') and would not"
                " run on another one; expected tensors made from inputs or buffers"
            )


def _expression(line: str) -> str:
    text = line.split(" = ", 1)[-1].strip()
    return text if len(text) <= 100 else text[:97] + "..."
