"""Source `videocrafter`, on the small tree that stands in for the original's checkout."""

import json
import sys
from pathlib import Path

import pytest
import torch
import yaml

from freeinit_export import cli
from freeinit_export.errors import ExportError
from freeinit_export.networks.trace import trace_component
from freeinit_export.networks.verify import TOLERANCE, compare, expectations
from freeinit_export.sources.videocrafter import load_model
from freeinit_export.sources.videocrafter_config import read_config
from freeinit_export.sources.videocrafter_tree import load_classes

REFERENCE = Path(__file__).resolve().parents[3] / "tests" / "reference" / "videocrafter"
sys.path.insert(0, str(REFERENCE))

from videocrafter_models import config as model_config
from videocrafter_models import write_config

TREE = REFERENCE / "stand_in"
UNET = "lvdm.modules.networks.openaimodel3d.UNetModel"


def loaded(folder, name="rescaled", checkpoint=None, **options):
    path, _ = write_config(name, folder)
    return load_model(TREE, path, checkpoint, torch.float32, fill_zeros=True, **options)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videocrafter")
    path, _ = write_config("rescaled", folder)
    arguments = [
        "videocrafter",
        str(folder / "bundle"),
        "--source",
        str(TREE),
        "--config",
        str(path),
    ]
    assert cli.main([*arguments, "--fill-zeros", "--quiet", "--license", "test"]) == 0
    return folder / "bundle"


def test_manifest_holds_what_the_original_does(bundle):
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert manifest["family"] == "videocrafter"
    assert manifest["unet"]["uses_fps"] and manifest["unet"]["max_frames"] is None
    assert manifest["unet"]["latent_multiple_of"] == 2  # found by trying
    assert manifest["vae"]["scaling_factor"] == 0.18215 and manifest["vae"]["spatial_scale"] == 8
    scheduler = manifest["scheduler"]
    assert scheduler["_class_name"] == "DDIMScheduler"
    assert (scheduler["timestep_spacing"], scheduler["steps_offset"]) == ("uniform", 1)
    assert scheduler["beta_schedule"] == "scaled_linear" and scheduler["always_draw_noise"]
    table = scheduler["dynamic_rescale"]
    assert len(table) == 1000 and table[0] == 1.0
    assert table[399] == table[999] == torch.tensor(0.7).item()
    recommended = manifest["recommended"]
    assert (recommended["fps"], recommended["output_fps"], recommended["eta"]) == (28.0, 10.0, 1.0)
    assert (recommended["height"], recommended["width"]) == (64, 128)
    assert recommended["mend_text"] is True
    words = manifest["tokenizer"]
    assert (words["bos_token_id"], words["eos_token_id"]) == (49406, 49407)
    assert words["pad_token_id"] == 0 and words["match_pad_token"] is False


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("linear_start",), None, "the key 'model.params.linear_start' is missing"),
        (("unet_config",), None, "the key 'model.params.unet_config' is missing"),
        (("unet_config", "params", "context_dim"), None, "params.context_dim' is missing"),
        (("first_stage_config", "params", "ddconfig"), None, "params.ddconfig' is missing"),
        (("timesteps",), "many", "expected int"),
        (("uncond_type",), "zero_embed", "expected empty_seq"),
        (("beta_schedule",), "cosine", "expected linear or sqrt_linear"),
        (("scale_by_std",), True, "expected false"),
        (("mid_step",), 2000, "expected factors above 0"),
        (("image_size",), [8], "expected [height, width]"),
        (("unet_config", "params", "use_causal_attention"), True, "expected False"),
        (("unet_config", "params", "out_channels"), 8, "expected as many"),
        (
            ("cond_stage_config", "target"),
            "x.FrozenCLIPEmbedder",
            "expected a FrozenOpenCLIPEmbedder",
        ),
        (("cond_stage_config", "params", "layer"), "first", "expected last or penultimate"),
    ],
)
def test_config_is_refused_by_name(tmp_path, path, value, says):
    params = json.loads(json.dumps(model_config("rescaled")))
    place = params
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    file = tmp_path / "model.yaml"
    model = {"target": "lvdm.models.ddpm3d.LatentDiffusion", "params": params}
    file.write_text(yaml.safe_dump({"model": model}))
    with pytest.raises(ExportError) as error:
        read_config(file)
    assert says in str(error.value) and "\n" not in str(error.value)


def test_configs_of_other_kinds(tmp_path):
    file = tmp_path / "model.yaml"
    for text, says in (("a: [", "not YAML"), ("a: 1", "the key 'model' is missing")):
        file.write_text(text)
        with pytest.raises(ExportError, match=says):
            read_config(file)
    file.write_text("model: {target: lvdm.models.ddpm3d.LatentVisualDiffusion, params: {}}")
    with pytest.raises(ExportError, match="text-to-video models only"):
        read_config(file)
    with pytest.raises(ExportError, match="cannot be read"):
        read_config(tmp_path / "absent.yaml")


def test_missing_packages_are_all_named(tmp_path):
    (tmp_path / "utils").mkdir()
    (tmp_path / "lvdm").mkdir()
    text = (
        "import cv2\nimport first_missing\nfrom second_missing.deep import name\nclass Net: pass\n"
    )
    (tmp_path / "lvdm" / "net.py").write_text(text)
    with pytest.raises(ExportError, match="not installed: first_missing, second_missing; install"):
        load_classes(tmp_path, ["lvdm.net.Net"])


def test_not_a_checkout(tmp_path):
    with pytest.raises(ExportError, match="has no folder 'lvdm'; expected a checkout"):
        load_classes(tmp_path, [UNET])
    with pytest.raises(ExportError, match="has no class 'Other'"):
        load_classes(TREE, [UNET.replace("UNetModel", "Other")])
    with pytest.raises(ExportError, match="cannot import 'lvdm.nowhere'"):
        load_classes(TREE, ["lvdm.nowhere.UNetModel"])


def test_checkpoints_that_do_not_fit(tmp_path):
    from videocrafter_models import TEXT, random_weights

    from freeinit_export.sources.videocrafter import _PREFIXES, _build

    path, _ = write_config("rescaled", tmp_path)
    networks = _build(TREE, read_config(path), TEXT, 0, 1, fresh=True)
    good = random_weights({_PREFIXES[role]: network for role, network in networks.items()})
    key = next(key for key in good if key.endswith("time_embed.0.weight"))
    file = tmp_path / "model.ckpt"

    def refused(weights, says):
        torch.save(weights, file)
        with pytest.raises(ExportError) as error:
            loaded(tmp_path, checkpoint=file)
        assert says in str(error.value) and "\n" not in str(error.value)

    refused({"state_dict": {"x": torch.ones(1)}}, "has no weights of the unet")
    refused(
        {k: v for k, v in good.items() if k != key}, "unet: lacks 'time_embed.0.weight' (1 such)"
    )
    refused(
        {**good, "model.diffusion_model.more": torch.ones(1)}, "has the unknown 'more' (1 such)"
    )
    refused({**good, key: torch.ones(2, 2)}, "has the shape (2, 2); expected")
    refused([1, 2], "holds a list; expected named tensors")
    file.write_bytes(b"not a checkpoint")
    with pytest.raises(ExportError, match="model.ckpt'"):
        loaded(tmp_path, checkpoint=file)
    # As DeepSpeed saves: the same weights.
    torch.save({"module": {"_forward_module." + k: v for k, v in good.items()}}, file)
    model = loaded(tmp_path, checkpoint=file)
    assert model.created_by["weights"] == "checkpoint" and not model.notes


@torch.no_grad()
def test_random_weights_hide_nothing_and_follow_the_seed(tmp_path):
    def output(**options):
        component = loaded(tmp_path, **options).components["unet"]
        return component.original(*component.probes[0])

    assert output(seed=1).abs().max() > 0
    assert torch.equal(output(seed=1), output(seed=1))
    assert not torch.equal(output(seed=1), output(seed=2))


@torch.no_grad()
@pytest.mark.parametrize("name", ["rescaled", "plain"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_unet_generalises_in_every_type(tmp_path, name, dtype):
    path, _ = write_config(name, tmp_path)
    component = load_model(TREE, path, None, dtype, fill_zeros=True).components["unet"]
    expected = expectations(component)
    assert {probe.outputs[0].dtype for probe in expected} == {dtype}
    network = trace_component(component)
    assert compare(component.file, network, expected) <= TOLERANCE[dtype]
    # The frame rate matters where the config says so.
    latents, timestep, text, fps = component.probes[1]
    same = torch.equal(
        network(latents, timestep, text, fps), network(latents, timestep, text, fps + 9)
    )
    assert same == (name == "plain")
