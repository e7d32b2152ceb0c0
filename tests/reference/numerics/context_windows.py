"""Windows of long clips, by the functions of their authors:

    python tests/reference/numerics/context_windows.py CLI EVOLVED

CLI is the file src/animatediff/pipelines/context.py of neggles/animatediff-cli, EVOLVED the file
animatediff/context.py of Kosinkadink/ComfyUI-AnimateDiff-Evolved. Where windows of every 2nd, 4th,
... frame are longer than the clip, both let them run over themselves or move them beside the clip;
such cases are left out, since freeinit takes no such windows.
"""

import importlib.util
import itertools
import sys
from types import ModuleType, SimpleNamespace
from unittest import mock

from golden_files import write_json


def load(path, **modules):
    """A file as a module; what it imports beyond torch and NumPy is not there and not called."""
    spec = importlib.util.spec_from_file_location("evolved.context", path)
    module = importlib.util.module_from_spec(spec)
    absent = ["torchvision", "PIL", "comfy", "comfy.samplers", "comfy.model_base", "comfy.model_patcher",
              "evolved.context_extras", "evolved.utils_model", "evolved.utils_motion"]
    with mock.patch.dict(sys.modules, {name: mock.MagicMock() for name in absent} | {"evolved": ModuleType("evolved")}):
        spec.loader.exec_module(module)
    return module


def window(frames, num_frames):
    """[first, stride, length] of a list of frames."""
    stride = (frames[1] - frames[0]) % num_frames
    assert frames == [(frames[0] + i * stride) % num_frames for i in range(len(frames))]
    return [frames[0], stride, len(frames)]


def windows_of(cli, evolved, case):
    frames, length, overlap, stride, step = (case[key] for key in ("frames", "length", "overlap", "stride", "step"))
    options = SimpleNamespace(context_length=length, context_overlap=overlap, context_stride=stride,
                              closed_loop=case["closed_loop"], step=step)
    if case["schedule"] == "static":
        lists = evolved.create_windows_static_standard(frames, options)
    elif case["closed_loop"]:
        lists = list(cli.uniform(step, None, frames, length, stride, overlap, True))
        assert lists == evolved.create_windows_uniform_looped(frames, options)
    else:
        lists = evolved.create_windows_uniform_standard(frames, options)
    return sorted(window([int(frame) for frame in one], frames) for one in lists)


def main(cli_file, evolved_file):
    cli, evolved = load(cli_file), load(evolved_file)
    cases = []
    sizes = [(64, 16, 4), (50, 16, 4), (128, 16, 8), (17, 16, 0), (31, 8, 3), (24, 16, 12)]
    for (frames, length, overlap), step in itertools.product(sizes, range(6)):
        case = {"frames": frames, "length": length, "overlap": overlap, "stride": 1, "step": step}
        if step == 0:
            cases.append(case | {"schedule": "static", "closed_loop": False})
        cases += [case | {"schedule": "uniform", "closed_loop": loops} for loops in (False, True)]
    for (frames, length, overlap, stride), step in itertools.product([(64, 16, 4, 3), (61, 16, 4, 2), (31, 8, 3, 2)], range(6)):
        cases.append({"frames": frames, "length": length, "overlap": overlap, "stride": stride, "step": step,
                      "schedule": "uniform", "closed_loop": True})
    for case in cases:
        case["windows"] = windows_of(cli, evolved, case)
    write_json("context_windows.json", {"cases": cases})
    print(f"context windows: {len(cases)} cases")


if __name__ == "__main__":
    main(*sys.argv[1:])
