"""freeinit-export: text-to-video checkpoints become bundles that freeinit loads without Python."""

__version__ = "0.2.0"
