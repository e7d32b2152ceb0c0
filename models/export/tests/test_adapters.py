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
        ("full", {}),
    ],
)
def test_weights_equal_those_that_lycoris_merges(unet, tmp_path, algorithm, options):
    """Files with an alpha of their own: rank 3, alpha 1.5."""
    lycoris = pytest.importorskip("lycoris")
    names = [name for name, _ in unet.named_modules() if name.endswith(LAYERS)]
    states, expected = {}, copy.deepcopy(unet)
    for name in names:
        module = expected.get_submodule(name)
        kind = getattr(lycoris, f"{algorithm.capitalize()}Module", None)
        kind = kind or {"locon": lycoris.LoConModule, "lokr": lycoris.LokrModule}[algorithm]
        adapter = kind("x", module, 1.0, lora_dim=3, alpha=1.5, **options)
        drawn(adapter.parameters())
        stem = "lora_unet_" + name.replace(".", "_")
        parts = adapter.custom_state_dict() or adapter.state_dict()
        states |= {f"{stem}.{part}": value.detach().clone() for part, value in parts.items()}
        weight, bias = adapter.get_merged_weight(1.0)
        module.weight = torch.nn.Parameter(weight.detach().clone().view(module.weight.shape))
        if bias is not None:
            module.bias = torch.nn.Parameter(bias.detach().clone())
    found, count = merged(unet, states, tmp_path / "a.safetensors")
    assert count == len(names) > 5 and distance(found, unet) > 0.01
    assert distance(found, expected) < 5e-6
