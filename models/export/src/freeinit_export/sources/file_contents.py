"""What a checkpoint holds, told by its names: a file given to the wrong option gets the right one."""

from __future__ import annotations

from collections.abc import Iterable

from freeinit_export.errors import ExportError

_LORA = ("lora_", "lora.", ".hada_", ".lokr_", ".dora_scale")


def contents(names: Iterable[str]) -> tuple[str, str | None]:
    """What the names of a checkpoint belong to, and the option that takes it."""
    names = [str(name) for name in names]

    def some(*parts: str) -> bool:
        return any(part in name for name in names for part in parts)

    if some("emb_params", "string_to_param") or some("clip_l") and len(names) <= 2:
        return "a textual inversion (embedding)", "--embedding"
    if some(*_LORA):
        motion = some("motion_modules.", "motion_modules_")
        return ("a motion LoRA", "--motion-lora") if motion else ("a LoRA", "--lora")
    if some("motion_modules."):
        return "a motion module", "--motion-module"
    if some("control_model.", "controlnet_cond_embedding", "input_hint_block"):
        return "a ControlNet", None
    if some("model.diffusion_model.", "cond_stage_model.") or is_image_unet(names):
        return "an image model", "--checkpoint"
    if some("ip_adapter.", "image_proj."):
        return "an IP adapter", None
    if all(name.startswith(("first_stage_model.", "loss.", "model_ema.", "encoder.", "decoder.",
                            "quant_conv.", "post_quant_conv.")) for name in names):
        return "a VAE", "--vae"
    if len(names) == 1 and "." not in names[0]:
        return "a textual inversion (embedding)", "--embedding"
    return "no model that is known here", None


def is_image_unet(names: Iterable[str]) -> bool:
    """Whether these are diffusers' names for an image model's UNet."""
    names = set(names)
    return {"conv_in.weight", "time_embedding.linear_1.weight"} <= names


def refuse_other_kinds(what: str, names: Iterable[str], option: str) -> None:
    """Refuses a file that belongs to another option than `option`, and names that one."""
    names = list(names)
    kind, right = contents(names)
    if right == option or {right, option} <= {"--checkpoint", "--base"}:
        return
    if right == "--checkpoint" and option == "--vae":  # its VAE is taken
        return
    if right is not None:
        raise ExportError(f"{what}: is {kind}; expected it with {right}")
    if kind.startswith(("a ", "an ")):
        raise ExportError(f"{what}: is {kind}, which bundles cannot hold; expected another file")
