"""The text encoder: the last layer, and earlier ones."""

import pytest
import torch

from freeinit_export.networks.text_encoder import text_encoder_component
from freeinit_export.networks.trace import trace_component
from freeinit_export.networks.verify import compare, expectations


@pytest.mark.parametrize("clip_skip", [0, 1])
@torch.no_grad()
def test_layers_equal_transformers(pipeline, clip_skip):
    model = pipeline.text_encoder
    component, section = text_encoder_component(model, clip_skip, 16)
    traced = trace_component(component)
    assert compare("text_encoder.pt", traced, expectations(component)) == 0.0
    ids = torch.arange(2 * 16).reshape(2, 16)
    states = model(ids, output_hidden_states=True).hidden_states[-(clip_skip + 1)]
    assert torch.equal(traced(ids), model.final_layer_norm(states))
    assert section == {"file": "text_encoder.pt", "max_length": 16, "width": 32}


@torch.no_grad()
def test_a_skipped_layer_makes_a_difference(pipeline):
    ids = torch.arange(16)[None]
    last, earlier = (
        text_encoder_component(pipeline.text_encoder, skip, 16)[0].original(ids) for skip in (0, 1)
    )
    assert not torch.allclose(last, earlier, atol=1e-2)
