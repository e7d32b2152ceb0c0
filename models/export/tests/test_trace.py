"""Each way in which a trace can go wrong, made on purpose."""

import pytest
import torch

from freeinit_export.errors import ExportError
from freeinit_export.networks.component import Component
from freeinit_export.networks.trace import trace_component
from freeinit_export.networks.verify import compare, expectations


class Network(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def component(function, original=None) -> Component:
    network = Network(function)
    traces = (torch.randn(2, 3),), (torch.randn(5, 7),)
    probes = ((torch.randn(1, 4),), (torch.randn(6, 2),))
    return Component("net.pt", original or network, lambda: network, traces, probes)


def test_a_network_that_reads_its_sizes_passes():
    good = component(lambda x: x.reshape(x.shape[0] * x.shape[1]).view(x.shape) * x.shape[0])
    with torch.no_grad():
        assert compare("net.pt", trace_component(good), expectations(good)) == 0.0


def test_a_number_from_outside_the_graph_is_found():
    """As when a caller passes the number of frames beside the tensor: no warning, only the
    graphs tell."""
    frames = iter((2, 5))
    with pytest.raises(
        ExportError, match=r"does not generalise: traced at sizes \(2, 3\) and \(5, 7\)"
    ):
        trace_component(component(lambda x: x * next(frames)))


def test_a_number_from_a_tensor_is_found():
    with pytest.raises(
        ExportError, match=r"tracing warns about 'return x \* int\(x\.shape\[0\]\)'"
    ):

        def function(x):
            return x * int(x.shape[0])

        trace_component(component(function))


def test_a_tensor_from_outside_the_graph_is_found():
    """As a table that the caller made for one size; a long one is `<Tensor>` in a printed graph."""
    tables = iter((torch.zeros(200), torch.ones(200)))
    with pytest.raises(ExportError, match=r"'\[0\.0, 0\.0, .*' became '\[1\.0, 1\.0"):
        trace_component(component(lambda x: x + next(tables).sum()))


def test_a_branch_on_values_is_found():
    def function(x):
        if x.sum() > 0:
            return x
        return -x

    with pytest.raises(ExportError, match="tracing warns about 'if x.sum"):
        trace_component(component(function))


def test_a_device_in_the_graph_is_found():
    def function(x):
        return x + torch.arange(x.shape[1], device=x.device)

    with pytest.raises(ExportError, match="names a device"):
        trace_component(component(function))


def test_an_unrolled_loop_is_found():
    def function(x):
        return torch.stack([row * 2 for row in x.unbind(0)])

    with pytest.raises(ExportError, match="does not generalise|tracing warns"):
        trace_component(component(function))


def test_a_network_that_cannot_be_traced_is_refused_in_one_line():
    def function(x):
        raise RuntimeError("first line\nsecond line")

    with pytest.raises(
        ExportError, match="net.pt: the network cannot be traced: first line second line"
    ):
        trace_component(component(function))


def test_a_difference_from_the_original_is_found():
    """A branch that no two traces show: both were on the same side of it."""
    wrong = component(lambda x: x * 2, original=lambda x: x * 2 if x.shape[0] > 1 else x * 2.001)
    with (
        torch.no_grad(),
        pytest.raises(ExportError, match="at inputs 1x4 it differs from the original by 0.0005"),
    ):
        compare("net.pt", trace_component(wrong), expectations(wrong))


def test_an_original_that_gives_nan_is_refused():
    with pytest.raises(ExportError, match="gives NaN or infinity"):
        expectations(component(lambda x: x / 0))
