"""Comparing an exported network with its original, here and in a fresh process.

The outputs of the original at the probe shapes are computed once and kept (`Expectation`): the
traced module, and later the file as read by a process that never saw the original, must both give
them again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from freeinit_export.errors import ExportError, one_line
from freeinit_export.networks.component import Component, Inputs, Method

# Largest difference relative to the largest value of the original. A good trace is bitwise equal
# with the same threads; the rest is room for kernels that sum in another order at another thread
# count. VideoCrafter's attention is exchanged for the fused one, which rounds elsewhere: in half
# precision that is several units in the last place (2.8 in float16 with the small test model).
TOLERANCE = {torch.float32: 1e-5, torch.float16: 1e-2, torch.bfloat16: 8e-2}


@dataclass(frozen=True)
class Expectation:
    """A method, its inputs and what the original makes of them."""

    method: str
    inputs: Inputs
    outputs: tuple[torch.Tensor, ...]


Step = Callable[[int, int], None]  # told the number of the probe that is next, and of all


def expectations(component: Component, step: Step = lambda i, n: None) -> list[Expectation]:
    """Runs the original on every probe of every method."""
    probes = [(method, inputs) for method in component.methods for inputs in method.probes]
    found = []
    for i, (method, inputs) in enumerate(probes):
        step(i + 1, len(probes))
        found.append(_expectation(component, method, inputs))
    return found


def _expectation(component: Component, method: Method, inputs: Inputs) -> Expectation:
    if _shapes(inputs) in {_shapes(trace) for trace in method.traces}:
        raise ValueError(f"{component.file}: a probe has the shapes of a trace")
    outputs = _as_tuple(method.original(*inputs))
    if not all(torch.isfinite(output).all() for output in outputs):
        raise ExportError(
            f"{component.file}: the original gives NaN or infinity for inputs"
            f" {_shapes(inputs)}; expected finite values"
        )
    return Expectation(method.name, inputs, tuple(output.clone() for output in outputs))


def _as_tuple(result) -> tuple[torch.Tensor, ...]:
    return result if isinstance(result, tuple) else (result,)


def compare(
    file: str,
    network,
    expected: list[Expectation],
    tolerance: float | None = None,
    step: Step = lambda i, n: None,
) -> float:
    """The largest relative difference of `network` over all probes; refuses one above `tolerance`,
    by default that of the dtype."""
    worst = 0.0
    for i, probe in enumerate(expected):
        step(i + 1, len(expected))
        try:
            outputs = _as_tuple(getattr(network, probe.method)(*probe.inputs))
        except Exception as error:  # whatever the traced graph raises
            raise ExportError(
                f"{file}: the network does not generalise: at inputs {_shapes(probe.inputs)} the"
                f" exported one fails ({one_line(error)}); expected what the original does"
            )
        for output, expected_output in zip(outputs, probe.outputs, strict=True):
            limit = TOLERANCE[expected_output.dtype] if tolerance is None else tolerance
            worst = max(worst, _difference(file, probe, output, expected_output, limit))
    return worst


def _difference(
    file: str, probe: Expectation, output: torch.Tensor, expected: torch.Tensor, limit: float
) -> float:
    if output.shape != expected.shape or output.dtype != expected.dtype:
        raise ExportError(
            f"{file}: the network does not generalise: at inputs {_shapes(probe.inputs)} it returns"
            f" {tuple(output.shape)} {output.dtype}; expected {tuple(expected.shape)}"
            f" {expected.dtype}"
        )
    scale = expected.double().abs().max().clamp_min(1e-30)
    relative = ((output.double() - expected.double()).abs().max() / scale).item()
    if not relative <= limit:  # also catches NaN
        raise ExportError(
            f"{file}: the network does not generalise: at inputs {_shapes(probe.inputs)} it differs"
            f" from the original by {relative:.2g} of the largest value; expected at most {limit:g}"
        )
    return relative


def save_expectations(path: Path, expected: list[Expectation]) -> None:
    torch.save([(probe.method, probe.inputs, probe.outputs) for probe in expected], path)


def load_expectations(path: Path) -> list[Expectation]:
    return [Expectation(*probe) for probe in torch.load(path, weights_only=True)]


def _shapes(inputs: Inputs) -> str:
    return ", ".join("x".join(map(str, tensor.shape)) for tensor in inputs)
