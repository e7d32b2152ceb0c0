"""Builds an object from {"target": "package.module.Class", "params": {...}}."""

import importlib

import cv2  # noqa: F401  (not used, as in the original: importing the networks must do without it)


def instantiate_from_config(config):
    module, _, name = config["target"].rpartition(".")
    return getattr(importlib.import_module(module), name)(**config.get("params", {}))
