#!/usr/bin/env bash
# transformers: a text encoder that carries a LoRA is saved without its own weights.
#
# `save_pretrained` of a diffusers pipeline writes a folder for each network. For a text encoder with an
# adapter that folder holds the adapter alone, and nothing says so. The saved pipeline loads while
# the encoder's first folder is where it was, and no longer when that is gone.
"$(dirname "$0")/with_packages.sh" diffusers==0.42.1 torch==2.13.0 transformers==5.23.0 peft==0.21.2 numpy==2.4.6 <<'PY'
import os
import shutil
import tempfile

import diffusers
import torch
import transformers
from diffusers import AnimateDiffPipeline, DDIMScheduler
from peft import LoraConfig
from tiny_animatediff import BETAS, tiny
from transformers import CLIPTextConfig, CLIPTextModel

print("diffusers", diffusers.__version__, "transformers", transformers.__version__)
work = tempfile.mkdtemp()
base, saved = os.path.join(work, "base"), os.path.join(work, "saved")
config = CLIPTextConfig(
    hidden_size=8, intermediate_size=8, num_hidden_layers=2, num_attention_heads=2, vocab_size=20,
    max_position_embeddings=8, bos_token_id=18, eos_token_id=19,
)
CLIPTextModel(config).save_pretrained(base)
encoder = CLIPTextModel.from_pretrained(base)
pipeline = tiny(AnimateDiffPipeline, DDIMScheduler(**BETAS))
pipeline.register_modules(text_encoder=encoder)
encoder.add_adapter(LoraConfig(r=2, init_lora_weights=False, target_modules=["q_proj", "v_proj"]))
pipeline.save_pretrained(saved)
files = sorted(os.listdir(os.path.join(saved, "text_encoder")))
print("text_encoder/", files)


def loads():
    try:
        AnimateDiffPipeline.from_pretrained(
            saved, tokenizer=None, motion_adapter=None, feature_extractor=None, image_encoder=None
        )
    except Exception as error:
        print(type(error).__name__, str(error).replace(work, "")[:120])
        return False
    return True


with_base = loads()
shutil.rmtree(base)
without = loads()
shutil.rmtree(work)
print("loads beside the first folder:", with_base, "- without it:", without)
assert files == ["adapter_config.json", "adapter_model.safetensors"], "the behaviour changed"
assert with_base and not without, "the behaviour changed"
PY
