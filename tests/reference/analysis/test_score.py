"""`freeinit score --features` against timm and the published formulas, end to end.

    FREEINIT_COMMAND=build/release/bin/freeinit PYTHONPATH=models/export/src \
        pytest tests/reference/analysis

Needs timm, torchvision, Pillow, safetensors. The network is a ViT-S/16 with random weights, exported by
`freeinit-export features`; the pictures go through timm's own transform here and through the
command's preparation there.
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

if find_spec("timm") is None:
    pytest.skip("no timm; scripts/test.sh runs it once more, with one", allow_module_level=True)
import torch  # noqa: E402
import vbench_formulas as vbench  # noqa: E402
from make_golden import moving_frames, timm  # noqa: E402
from PIL import Image  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

COMMAND = os.environ["FREEINIT_COMMAND"]
MODEL = "vit_small_patch16_224.dino"  # DINO's ViT-S/16
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """The model, and the file that the exporter made of the same weights."""
    folder = tmp_path_factory.mktemp("network")
    torch.manual_seed(1)
    model = timm.create_model(MODEL, pretrained=False, num_classes=0).eval()
    torch.save(model.state_dict(), folder / "weights.pth")
    subprocess.run(
        [sys.executable, "-m", "freeinit_export", "features", MODEL, str(folder / "net.pt"),
         "--checkpoint", str(folder / "weights.pth"), "--quiet"], check=True)
    return model, folder / "net.pt"


@pytest.mark.parametrize("size", [(90, 140), (300, 260)], ids=["enlarged", "reduced"])
def test_scores_equal_timm_and_vbench(network, size, tmp_path):
    model, file = network
    frames = moving_frames(4, *size)
    save_file({"frames": torch.from_numpy(frames) / 255}, tmp_path / "clip.safetensors")
    done = subprocess.run(
        [COMMAND, "score", "clip.safetensors", "--features", str(file), "--json",
         "--save-features", "features.safetensors"],
        cwd=tmp_path, check=True, capture_output=True, text=True)
    pixels, features = json.loads(done.stdout)["scores"]

    config = timm.data.resolve_model_data_config(model)
    transform = timm.data.create_transform(**config, is_training=False)
    with torch.no_grad():
        expected = model(torch.stack([transform(Image.fromarray(frame)) for frame in frames]))
    (found,) = load_file(tmp_path / "features.safetensors").values()
    assert (found - expected).abs().max() <= TOLERANCE * expected.abs().max()
    for key, value in vbench.consistency(expected).items():
        assert features[key] == pytest.approx(value, abs=TOLERANCE), key
    assert pixels["temporal_flickering"] == pytest.approx(
        vbench.temporal_flickering(frames), abs=TOLERANCE)
    assert pixels["motion_energy"] == pytest.approx(vbench.motion_energy(frames / 255.0), abs=1e-7)
