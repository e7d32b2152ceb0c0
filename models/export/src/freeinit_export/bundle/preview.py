"""`freeinit-export preview`: the section `preview` for a bundle that exists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from freeinit_export.bundle.manifest import read_manifest, replace_manifest
from freeinit_export.errors import ExportError, Report, naming
from freeinit_export.networks.latent_rgb import latent_rgb_of
from freeinit_export.networks.torchscript_file import read_torchscript


def add_preview(bundle: Path, report: Report) -> None:
    """On any failure the bundle stays as it was."""
    manifest = read_manifest(bundle)
    with naming(f"'{bundle / 'manifest.json'}'", "the manifest of a bundle"):
        vae = dict(manifest["vae"])
        has_encoder = vae["encoder_file"] != ""
    if not has_encoder:
        raise ExportError(f"'{bundle}': has no vae encoder; expected one to learn colours from")
    manifest["preview"] = preview_of(bundle, vae, report)
    replace_manifest(bundle, manifest)


def preview_of(bundle: Path, vae: dict[str, Any], report: Report) -> dict[str, list]:
    """The section for a bundle, whose files need no manifest yet."""
    file = vae["encoder_file"]
    report.step(f"{file}: fitting the colours of previews")
    with naming(f"'{bundle / file}'", "a network that runs"):
        section, r2 = latent_rgb_of(read_torchscript(bundle / file)[0], vae)
    report(f"{file}: colours of previews fitted, R2 {r2:.2f}")
    return section
