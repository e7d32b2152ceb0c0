"""The worlds of demo models. One is named by its training code, `models/NAME`, and is two files here.

NAME.json says what is compared and what is shown of it; reading it needs no training code. NAME.py has

    prompts(count)         dictionaries of index, prompt, seed and words (indices of the world's words)
    tuning_prompts(count)  such by which the model was tuned; experiments beside the evaluation take them
    real_clip(prompt)      a rendered clip [F, H, W, 3] uint8 that configurations with init_source start from
    JUDGE, JUDGE_OPTIONS   the judge's file in its folder, and the options of train.py that put it there
    Measure(folder)        called with uint8 clips [n, F, H, W, 3] of one prompt and the prompt's words: what
                           the driver does not score, a dictionary a clip; accuracy() is the judge's
"""

import importlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
NAMES = sorted(f"models/{file.stem}" for file in HERE.glob("*.json"))
DEFAULT = "models/train"
_loaded = []


def read_plan(world=DEFAULT, steps=None):
    """NAME.json, and under `requests` the fields of each configuration, `asked_steps` the steps. Without `steps`, here or there, the
    model's own number is taken."""
    name = Path(world).name
    plan = {"name": name, "asked_steps": steps, **json.loads((HERE / f"{name}.json").read_text())}
    steps = steps or plan.get("steps")
    common = {"num_inference_steps": steps} if steps else {}
    plan["requests"] = {configuration: {**common, **fields} for group in plan["groups"]
                        for configuration, fields in group["configurations"].items()}
    return plan


def load(world=DEFAULT):
    """NAME.py. Training codes have modules of the same names, so that a process knows one world."""
    if world not in _loaded:
        if _loaded:
            raise RuntimeError(f"{world}: this process has loaded {_loaded[0]}")
        _loaded.append(world)
        sys.path.insert(0, str(ROOT / world))
    return importlib.import_module(f"evaluation.worlds.{Path(world).name}")
