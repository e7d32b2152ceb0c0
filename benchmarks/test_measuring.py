"""What measurements stand on: a program that fails says why, algorithms are what they are called."""

import json
import sys

import pytest
import torch
from measuring.child import LAST, run_to_end
from measuring.first_call import first_call
from measuring.models import DEMO, bundle_key, shape_of
from measuring.winograd import Winograd


def python(text):
    return [sys.executable, "-c", text]


def test_what_fails_shows_its_last_errors():
    text = f"import sys\nfor line in range({2 * LAST}): print('line', line, file=sys.stderr)\nsys.exit(3)"
    with pytest.raises(SystemExit) as found:
        run_to_end(python(text))
    said = str(found.value).splitlines()
    assert said[0] == f"{sys.executable}: ended with code 3"
    assert said[1:] == [f"line {line}" for line in range(LAST, 2 * LAST)]


def test_a_signal_is_a_failure():
    with pytest.raises(SystemExit, match="ended with code -9"):
        run_to_end(python("import os\nos.kill(os.getpid(), 9)"))


def test_what_succeeds_gives_its_usage():
    usage = run_to_end(python("import sys\nprint('x' * 1_000_000, file=sys.stderr)"))
    assert usage.ru_utime + usage.ru_stime > 0 and usage.ru_maxrss > 0


def test_a_first_call_that_fails_says_why(tmp_path):
    command = tmp_path / "freeinit"
    command.write_text("#!/bin/sh\necho 'error: no such bundle' >&2\nexit 4\n")
    command.chmod(0o755)
    with pytest.raises(SystemExit, match="ended with code 4\nerror: no such bundle"):
        first_call(str(command), [])


@pytest.mark.parametrize("outputs, points", [(2, (0, 1, -1)), (4, (0, 1, -1, 2, -2)), (4, (0, 0.65, -0.65, 1.5, -1.5))])
def test_winograds_convolution_is_the_definitions(outputs, points):
    generator = torch.Generator().manual_seed(1)
    images, weight = (torch.randn(shape, generator=generator) for shape in ((2, 8, 9, 14), (5, 8, 3, 3)))
    expected = torch.nn.functional.conv2d(images, weight, padding=1)
    found = Winograd(outputs, points).conv2d(images, weight, narrow=False)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))
    narrow = Winograd(outputs, points).conv2d(images, weight)
    assert 1e-3 < float((narrow - expected).abs().max() / expected.abs().max()) < 0.1


def test_what_is_kept_is_of_one_bundle(tmp_path):
    manifest = json.loads((DEMO / "manifest.json").read_text())

    def key(**changes):
        (tmp_path / "manifest.json").write_text(json.dumps({**manifest, **changes}))
        return bundle_key(tmp_path)

    converted = {**manifest["files"], "openvino/unet.xml": {"bytes": 1, "sha256": "1" * 64}}
    backends = {"openvino": {"file": "openvino/unet.xml"}}
    assert key() == key(files=converted, unet_backends=backends) == bundle_key(DEMO)
    other = {**manifest["files"], "unet.pt": {"bytes": 1, "sha256": "0" * 64}}
    assert len({key(), key(files=other), key(recommended={})}) == 3


def test_a_size_that_is_not_square():
    wide, square = shape_of("videocrafter-320x512"), shape_of("animatediff-256")
    assert wide.latents == (2, 4, 16, 40, 64) and (wide.height, wide.width) == (320, 512)
    assert square.latents == (2, 4, 16, 32, 32) and (square.height, square.width) == (256, 256)
