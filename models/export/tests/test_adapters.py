"""LoHa, LoKr and DoRA change the weights as peft and LyCORIS merge them."""

import copy

import pytest
import torch
from safetensors.torch import save_file
from test_lora import distance
from tiny_files import tiny_image_model

from freeinit_export.sources.lora import LoraFile, merge_lora

TARGETS = r".*(attn\d\.to_q|attn2\.to_k|ff\.net\.2|resnets\.0\.conv1|conv_shortcut)"
LAYERS = ("attn1.to_q", "ff.net.2", "resnets.0.conv1", "resnets.0.conv_shortcut")


@pytest.fixture(scope="module")
def unet():
    return tiny_image_model().unet


def drawn(parameters) -> None:
    """Adapters start at zero, which would hide most of a formula."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in parameters:
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.2)


def merged(unet, states, path, scale=1.0):
    save_file({name: tensor.contiguous() for name, tensor in states.items()}, path)
    found = copy.deepcopy(unet)
    count = merge_lora(LoraFile(path, scale), {"unet": found}, "--lora")
    return found, count


@pytest.mark.parametrize("scale", [1.0, 0.6])
@pytest.mark.parametrize(
    "kind, options",
    [
        ("Lora", dict(r=3, lora_alpha=3, use_dora=True)),
        ("LoHa", dict(r=3, alpha=3)),
        ("LoHa", dict(r=3, alpha=3, use_effective_conv2d=True)),
        ("LoKr", dict(r=2, alpha=2)),
        ("LoKr", dict(r=2, alpha=2, decompose_both=True)),
        ("LoKr", dict(r=2, alpha=2, decompose_both=True, use_effective_conv2d=True)),
    ],
)
def test_weights_equal_those_that_peft_merges(unet, tmp_path, kind, options, scale):
    peft = pytest.importorskip("peft")
    config = getattr(peft, f"{kind}Config")(target_modules=TARGETS, **options)
    model = peft.get_peft_model(copy.deepcopy(unet), config)
    drawn(p for name, p in model.named_parameters() if p.requires_grad)
    states = peft.get_peft_model_state_dict(model)
    found, count = merged(unet, states, tmp_path / "a.safetensors", scale)
    for module in model.modules():
        if isinstance(module, peft.tuners.tuners_utils.BaseTunerLayer):
            module.scale_layer(scale)
    expected = model.merge_and_unload()
    assert count > 10 and distance(found, unet) > 0.01
    assert distance(found, expected) < 5e-6  # weights near one, in another order


@pytest.mark.parametrize(
    "algorithm, options",
    [
        ("locon", {}),
        ("locon", dict(use_tucker=True)),
        ("locon", dict(dora_wd=True, wd_on_output=True)),
        ("locon", dict(dora_wd=True, wd_on_output=False)),
        ("loha", {}),
        ("loha", dict(use_tucker=True)),
        ("loha", dict(dora_wd=True)),
        ("lokr", dict(factor=4)),
        ("lokr", dict(factor=4, decompose_both=True)),
        ("lokr", dict(factor=4, use_tucker=True)),
        ("lokr", dict(factor=4, full_matrix=True)),
    ],
)
def test_weights_equal_those_that_lycoris_merges(unet, tmp_path, algorithm, options):
    """Files with an alpha of their own: rank 3, alpha 1.5. The reference is the layer that was
    trained: LyCORIS 4.1 scales LoHa and LoKr twice where it merges them."""
    lycoris = pytest.importorskip("lycoris")
    kinds = {"locon": "LoConModule", "loha": "LohaModule", "lokr": "LokrModule"}
    states, expected = {}, {}
    for name, module in copy.deepcopy(unet).named_modules():
        if name.endswith(LAYERS):
            kind = getattr(lycoris, kinds[algorithm])
            adapter = kind("x", module, 1.0, lora_dim=3, alpha=1.5, **options)
            drawn(adapter.parameters())
            stem = "lora_unet_" + name.replace(".", "_")
            parts = adapter.custom_state_dict() or adapter.state_dict()
            states |= {f"{stem}.{part}": value.detach() for part, value in parts.items()}
            shape = (5, module.in_channels, 7, 6) if module.weight.dim() == 4 else (5, module.in_features)
            inputs = torch.randn(shape, generator=torch.Generator().manual_seed(1))
            expected[name] = inputs, adapter(inputs)
    found, count = merged(unet, states, tmp_path / "a.safetensors")
    assert count == len(expected) > 5
    for name, (inputs, outputs) in expected.items():
        torch.testing.assert_close(found.get_submodule(name)(inputs), outputs, rtol=1e-4, atol=1e-4)
        assert (unet.get_submodule(name)(inputs) - outputs).abs().max() > 0.01


def test_whole_differences(unet, tmp_path):
    """Weights and biases, each whole: W + scale * diff."""
    conv = unet.conv_in
    states = {
        "lora_unet_conv_in.diff": torch.randn(conv.weight.shape),
        "lora_unet_conv_in.diff_b": torch.randn(conv.bias.shape),
    }
    found, _ = merged(unet, states, tmp_path / "a.safetensors", 0.5)
    expected = conv.weight + 0.5 * states["lora_unet_conv_in.diff"]
    torch.testing.assert_close(found.conv_in.weight, expected)
    torch.testing.assert_close(
        found.conv_in.bias, conv.bias + 0.5 * states["lora_unet_conv_in.diff_b"]
    )
