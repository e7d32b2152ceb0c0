"""Where FREEINIT_QUICK is set, as in scripts/test.sh --ci, of tests marked `product` each value of
each parameter runs, but not with each value of the others. Bundles are then read again in this process:
that a fresh one reads them is what the exporter's own tests show."""

import os

import pytest


def pytest_configure(config):
    config.addinivalue_line("markers", "product: not every combination where FREEINIT_QUICK is set")
    if os.environ.get("FREEINIT_QUICK"):
        from freeinit_export.bundle import reload_check, write

        write._answer_of_fresh_process = reload_check.answer


def pytest_collection_modifyitems(config, items):
    if not os.environ.get("FREEINIT_QUICK"):
        return
    products: dict = {}
    for item in items:
        if item.get_closest_marker("product"):
            products.setdefault((item.path, item.originalname), []).append(item)
    kept = set(items)
    for product in products.values():
        kept -= set(product) - set(diagonal(product))
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]


def diagonal(product: list[pytest.Item]) -> list[pytest.Item]:
    """Those of a test whose parameters have the same place among their values, modulo the number of
    values of the parameter that has the fewest."""
    values: dict = {}
    for item in product:
        for name, value in item.callspec.params.items():
            values.setdefault(name, {}).setdefault(value, len(values[name]))
    fewest = min(map(len, values.values()))

    def places(item):
        return {values[name][value] % fewest for name, value in item.callspec.params.items()}

    return [item for item in product if len(places(item)) == 1]
