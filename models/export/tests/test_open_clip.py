"""The text side of OpenCLIP against open_clip's own code and transformers' CLIP."""

import importlib.util
import json

import pytest
import torch

from freeinit_export.errors import ExportError
from freeinit_export.networks.open_clip_text import (
    OpenClipText,
    OpenClipVocabulary,
    _package_folder,
    is_unneeded,
    text_config,
)


@pytest.fixture(scope="module")
def own_tokenizer():
    """open_clip's tokenizer, from its file alone: importing the package needs torchvision."""
    pytest.importorskip("ftfy")
    spec = importlib.util.spec_from_file_location("own", _package_folder() / "tokenizer.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.SimpleTokenizer()


def test_vocabulary_is_open_clips(tmp_path, own_tokenizer):
    section = OpenClipVocabulary().write(tmp_path)
    vocabulary = json.loads((tmp_path / "tokenizer/vocab.json").read_text(encoding="utf-8"))
    assert vocabulary == own_tokenizer.encoder
    lines = (tmp_path / "tokenizer/merges.txt").read_text(encoding="utf-8").splitlines()[1:]
    assert [tuple(line.split(" ")) for line in lines] == list(own_tokenizer.bpe_ranks)
    assert own_tokenizer([""])[0, :3].tolist() == [49406, 49407, section["pad_token_id"]]


@torch.no_grad()
@pytest.mark.parametrize("skip", [0, 1])
def test_states_are_those_of_clip(skip):
    """The same network put together from LibTorch's own attention, with a mask."""
    config = {"context_length": 9, "vocab_size": 50, "width": 64, "heads": 2, "layers": 3}
    network = OpenClipText(config, skip).eval()
    assert len(network.transformer.resblocks) == 3 - skip
    ids = torch.randint(0, 50, (2, 7))
    x = network.token_embedding(ids) + network.positional_embedding[:7]
    mask = torch.full((7, 7), float("-inf")).triu(1)
    for block in network.transformer.resblocks:
        attention = torch.nn.MultiheadAttention(64, 2, batch_first=True)
        attention.load_state_dict(block.attn.state_dict())
        y = block.ln_1(x)
        x = x + attention(y, y, y, attn_mask=mask, need_weights=False)[0]
        hidden = torch.nn.functional.gelu(block.mlp.c_fc(block.ln_2(x)))
        x = x + block.mlp.c_proj(hidden)
    torch.testing.assert_close(network(ids), network.ln_final(x), rtol=1e-5, atol=1e-5)


def test_vit_h_is_known(tmp_path):
    config = text_config("ViT-H-14", tmp_path)
    assert (config["width"], config["layers"], config["heads"]) == (1024, 24, 16)
    assert is_unneeded("transformer.resblocks.23.ln_1.weight", config, 1)
    assert not is_unneeded("transformer.resblocks.22.ln_1.weight", config, 1)
    assert is_unneeded("visual.conv1.weight", config, 1) and is_unneeded("logit_scale", config, 1)
    for arch in ("ViT-X-99", "absent.json", "ViT-H-14-quickgelu"):
        with pytest.raises(ExportError, match=f"text encoder '{arch}'"):
            text_config(arch, tmp_path)
