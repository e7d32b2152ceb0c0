"""`freeinit-export memory`: the section `memory` for a bundle that exists."""

from __future__ import annotations

from pathlib import Path

from freeinit_export.bundle.manifest import read_manifest, replace_manifest
from freeinit_export.bundle.write import SECTION
from freeinit_export.errors import Report, naming
from freeinit_export.networks.memory import memory_of
from freeinit_export.networks.torchscript_file import read_torchscript

# Where the manifest names the file of each network.
_FILE_KEY = {
    "unet": "file",
    "text_encoder": "file",
    "vae_decoder": "decoder_file",
    "vae_encoder": "encoder_file",
}


def add_memory(bundle: Path, report: Report) -> None:
    """On any failure the bundle stays as it was."""
    manifest = read_manifest(bundle)
    with naming(f"'{bundle / 'manifest.json'}'", "the manifest of a bundle"):
        sections = {role: manifest[name] for role, name in SECTION.items()}
        files = {role: section[_FILE_KEY[role]] for role, section in sections.items()}
    measured = {}
    for role, file in files.items():
        if not file:
            continue
        report.step(f"{file}: measuring memory")
        with naming(f"'{bundle / file}'", "a network that runs"):
            measured[role] = memory_of(role, read_torchscript(bundle / file)[0], sections[role])
        megabytes = measured[role]["weights"] / 2**20
        report(f"{file}: {megabytes:.1f} MiB, {measured[role]['per_latent']} bytes a latent")
    manifest["memory"] = measured
    replace_manifest(bundle, manifest)
