"""The models under test: the same weights as a diffusers folder and as a bundle.

    demo        the demo bundle of the repository, its weights put back into diffusers' classes
    mid         AnimateDiff: the two upper levels of Stable Diffusion 1.5 (widths 320 and 640, text
                width 768, two layers a level, motion modules), 8 frames, 16x16 latents
    modelscope  ModelScope: widths 320 and 640, text width 1024, 8 frames, 16x16 latents

Models of true size are made by real_size_models.py.

`mid` and `modelscope` have random weights; text encoder and VAE are small there, since the UNet is
what is measured. Velocity prediction keeps a random network's latents bounded, so that the results
of two runtimes can be compared after many steps. `prepare(size, folder)` makes what is missing; a
bundle computes in the dtype it was exported in, so there is one for each. The random weights are such
as float16 holds, as those of checkpoints that were published in it, unless `all_bits` of float32 are
asked for.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "models" / "shapes"
sys.path.insert(0, str(ROOT / "models" / "export" / "tests"))  # tiny_pipeline.py

PROMPT = "a red circle moving right"
OF_UNET_FILE = ("torchscript", "winograd", "bfloat16")  # backends that need no converted file


@dataclass(frozen=True)
class Size:
    """What one run makes of a model."""

    frames: int
    latent: int  # height, and width where it is square
    text_width: int
    text_length: int = 77
    guidance_scale: float = 7.5
    scale: int = 4  # pixels of a latent: 4 of the demo's autoencoder and of the small one
    wide_latent: int | None = None  # width where it is not

    @property
    def latents(self) -> tuple[int, ...]:
        """Of one call with guidance."""
        return (2, 4, self.frames, self.latent, self.wide_latent or self.latent)

    @property
    def text(self) -> tuple[int, ...]:
        return (2, self.text_length, self.text_width)

    @property
    def height(self) -> int:
        """Of the video."""
        return self.latent * self.scale

    @property
    def width(self) -> int:
        return (self.wide_latent or self.latent) * self.scale


SIZES = {
    "demo": Size(frames=16, latent=16, text_width=64, text_length=32),
    "mid": Size(frames=8, latent=16, text_width=768),
    "modelscope": Size(frames=8, latent=16, text_width=1024),
}
TRUE_SIZES = {  # MODEL-PIXELS; one model for all sizes of its videos
    "animatediff-256": Size(frames=16, latent=32, text_width=768, scale=8),
    "animatediff-512": Size(frames=16, latent=64, text_width=768, scale=8),
    "modelscope-256": Size(frames=16, latent=32, text_width=1024, scale=8),
    "videocrafter-320x512": Size(frames=16, latent=40, wide_latent=64, text_width=1024, scale=8),
}


def shape_of(size: str) -> Size:
    return {**SIZES, **TRUE_SIZES}[size]


@dataclass(frozen=True)
class Model:
    size: str
    pipeline: Path  # what diffusers loads
    bundle: Path  # what freeinit loads
    unet_flops: dict[str, float]  # of one call with guidance (batch 2), by aten operator

    @property
    def folder(self) -> Path:
        """Where all that is kept of it is."""
        return self.pipeline.parent


def bundle_key(bundle: Path) -> str:
    """Names what is kept of a bundle's results, so that those of another one in its place are not taken for them. UNets
    that were converted for it, which come and go, are not in it."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    converted = {Path(entry["file"]).parts[0] for entry in manifest.pop("unet_backends", {}).values()}
    manifest["files"] = {name: v for name, v in manifest["files"].items() if Path(name).parts[0] not in converted}
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()[:16]


def prepare(size: str, folder: Path, dtype: str = "float32", all_bits: bool = False) -> Model:
    """Makes pipeline and bundle below `folder`, where they are not there yet."""
    name = f"demo-{bundle_key(DEMO)}" if size == "demo" else size
    target = folder / (f"{name}-all-bits" if all_bits else name)
    notes = target / "model.json"
    if not notes.exists():
        torch.manual_seed(0)
        pipeline = {"demo": _demo, "mid": mid_pipeline, "modelscope": _modelscope}[size]()
        if size != "demo" and not all_bits:
            for parameter in pipeline.unet.parameters():
                parameter.data = parameter.data.half().float()
        pipeline.save_pretrained(target / "pipeline")
        notes.write_text(json.dumps({"unet_flops": unet_flops(pipeline.unet, SIZES[size])}))
    bundle = target / ("bundle" if dtype == "float32" else f"bundle-{dtype}")
    model = Model(size, target / "pipeline", bundle, json.loads(notes.read_text())["unet_flops"])
    if not bundle.exists():
        _export(model, dtype)
    return model


def prepare_true_size(size: str, folder: Path, source: Path | None = None) -> Model:
    """Makes what is missing, in processes of their own. Weights are such as float16 holds, but for VideoCrafter's,
    which its own code and the exporter draw; `source` is a checkout of it."""
    import diffusers

    name = size.split("-")[0]
    target = folder / f"{name}-true"
    if name == "videocrafter":
        from measuring import videocrafter  # which imports this module

        return videocrafter.prepare(size, target, source)
    maker = {"animatediff": "animatediff-pipeline"}.get(name, name)
    if not (target / "pipeline").exists():
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        subprocess.run([sys.executable, Path(__file__).with_name("real_size_models.py"), maker, target], check=True)
    config = json.loads((target / "pipeline" / "unet" / "config.json").read_text())
    with torch.device("meta"):
        unet = getattr(diffusers, config["_class_name"]).from_config(config)
    model = Model(size, target / "pipeline", target / "bundle", unet_flops(unet, TRUE_SIZES[size]))
    if not model.bundle.exists():
        _export(model, "float32")
    return model


def prepare_apart(*arguments, **keywords) -> Model:
    """`prepare` in a process of its own: the system counts the memory of a process as that of each one
    it starts, too."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(prepare, arguments, keywords)


def ensure_backend(model: Model, backend: str) -> None:
    """Adds a converted UNet to the bundle, if it needs one and has none of that kind yet."""
    manifest = json.loads((model.bundle / "manifest.json").read_text())
    if backend in OF_UNET_FILE or backend in manifest.get("unet_backends", {}):
        return
    command = [sys.executable, "-m", "freeinit_export", "backend", backend, str(model.bundle)]
    subprocess.run(command, check=True)


def unet_inputs(size: str) -> dict[str, torch.Tensor]:
    """One call with guidance: latents [2,4,F,h,w], text [2,77,D]."""
    shape = shape_of(size)
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn(shape.latents, generator=generator)
    return {"latents": latents, "text": torch.randn(shape.text, generator=generator)}


def unet_flops(unet, size: Size) -> dict[str, float]:
    """Multiplications and additions of one call by aten operator."""
    unet = unet.to("meta")
    latents, text = (torch.empty(shape, device="meta") for shape in (size.latents, size.text))
    if type(unet).__name__ == "UNetMotionModel":
        text = text.repeat_interleave(size.frames, dim=0)
    return counted_flops(lambda: unet(latents, torch.zeros((), device="meta"), encoder_hidden_states=text))


@torch.no_grad()
def counted_flops(call: Callable[[], object]) -> dict[str, float]:
    """Of a call on the device "meta": torch counts without computing."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        call()
    counts = counter.get_flop_counts()["Global"]
    return {str(operator).removeprefix("aten."): float(count) for operator, count in counts.items()}


def _export(model: Model, dtype: str) -> None:
    if model.size == "demo" and dtype == "float32":
        shutil.copytree(DEMO, model.bundle)
        return
    size = shape_of(model.size)
    settings = {"num_frames": size.frames, "height": size.height, "width": size.width}
    command = [sys.executable, "-m", "freeinit_export", "diffusers"]
    command += [str(model.pipeline), str(model.bundle), "--dtype", dtype]
    for key, value in settings.items():
        command += ["--recommended", f"{key}={value}"]
    subprocess.run(command, check=True)


def _scheduler(**changes):
    from diffusers import DDIMScheduler

    settings = dict(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="linear",
        steps_offset=1,
        clip_sample=False,
        prediction_type="v_prediction",
    )
    return DDIMScheduler(**{**settings, **changes})


@torch.no_grad()
def _randomise(unet):
    """Draws what starts at zero, which would switch a branch off. Layers keep their usual scale."""
    generator = torch.Generator().manual_seed(2)
    for parameter in unet.parameters():
        if not parameter.any():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.02)
    return unet.eval()


def _small_parts(text_width: int) -> dict:
    """Tokenizer, text encoder and VAE around a random UNet."""
    from diffusers import AutoencoderKL
    from tiny_pipeline import tiny_tokenizer
    from transformers import CLIPTextConfig, CLIPTextModel

    tokenizer = tiny_tokenizer(77)
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=text_width,
        intermediate_size=2 * text_width,
        num_hidden_layers=4,
        num_attention_heads=text_width // 64,
        max_position_embeddings=77,
        bos_token_id=len(tokenizer) - 2,
        eos_token_id=len(tokenizer) - 1,
        pad_token_id=len(tokenizer) - 1,
    )
    vae = AutoencoderKL(
        block_out_channels=(32, 64, 64),
        down_block_types=["DownEncoderBlock2D"] * 3,
        up_block_types=["UpDecoderBlock2D"] * 3,
        layers_per_block=1,
        latent_channels=4,
    )
    return {
        "tokenizer": tokenizer,
        "text_encoder": CLIPTextModel(config).eval(),
        "vae": vae.eval(),
        "scheduler": _scheduler(),
    }


def mid_pipeline():
    from diffusers import AnimateDiffPipeline, UNetMotionModel

    unet = UNetMotionModel(
        sample_size=16,
        block_out_channels=(320, 640),
        down_block_types=("CrossAttnDownBlockMotion",) * 2,
        up_block_types=("CrossAttnUpBlockMotion",) * 2,
        cross_attention_dim=768,
        num_attention_heads=8,
        motion_num_attention_heads=8,
        motion_max_seq_length=32,
        use_motion_mid_block=False,
    )
    return AnimateDiffPipeline(unet=_randomise(unet), motion_adapter=None, **_small_parts(768))


def _modelscope():
    from diffusers import TextToVideoSDPipeline, UNet3DConditionModel

    unet = UNet3DConditionModel(
        sample_size=16,
        block_out_channels=(320, 640),
        down_block_types=("CrossAttnDownBlock3D",) * 2,
        up_block_types=("CrossAttnUpBlock3D",) * 2,
        cross_attention_dim=1024,
        attention_head_dim=64,
    )
    return TextToVideoSDPipeline(unet=_randomise(unet), **_small_parts(1024))


def _demo():
    """The demo bundle's weights in the classes they were trained in (models/train)."""
    sys.path.insert(0, str(ROOT / "models" / "train"))
    import diffusion
    import text
    import vae
    from diffusers import AnimateDiffPipeline
    from transformers import CLIPTokenizer

    manifest = json.loads((DEMO / "manifest.json").read_text())
    tokenizer = CLIPTokenizer(
        str(DEMO / "tokenizer/vocab.json"),
        str(DEMO / "tokenizer/merges.txt"),
        model_max_length=manifest["tokenizer"]["max_length"],
    )

    def load(network, *files: str) -> torch.nn.Module:
        state = {}
        for file in files:
            state.update(torch.jit.load(DEMO / file).state_dict())
        state = {key.removeprefix("unet.").removeprefix("model."): v for key, v in state.items()}
        own = network.state_dict()
        network.load_state_dict({key: state[key].to(own[key].dtype) for key in own})
        return network.eval()

    coder = load(vae.build(), "vae_decoder.pt", "vae_encoder.pt")
    coder.register_to_config(scaling_factor=manifest["vae"]["scaling_factor"])
    return AnimateDiffPipeline(
        vae=coder,
        text_encoder=load(text.build(tokenizer), "text_encoder.pt"),
        tokenizer=tokenizer,
        unet=load(diffusion.clip_network(), "unet.pt"),
        motion_adapter=None,
        scheduler=diffusion.scheduler(),
    )
