"""Writes the seeds of tests/fuzz/corpus; inputs that a fuzzer found stay beside them.

    python tests/fuzz/make_corpus.py        needs the packages safetensors, numpy and torch, and ffmpeg
"""

import io
import json
import pathlib
import subprocess
import zipfile

import numpy
import torch
from safetensors.numpy import save

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def manifest():
    names = ["unet.pt", "text.pt", "decoder.pt", "tokenizer/vocab.json", "tokenizer/merges.txt"]
    return {
        "schema": 1, "name": "n", "family": "animatediff", "description": "", "license": "",
        "created_by": {"torch": "2"}, "files": {name: {"bytes": 0, "sha256": EMPTY} for name in names},
        "unet": {"file": "unet.pt", "format": "torchscript", "dtype": "float32", "in_channels": 4,
                 "context_dim": 8, "latent_multiple_of": 1, "max_frames": 32, "max_text_length": None,
                 "uses_fps": False, "verified_shapes": [[1, 2, 3, 4, 5]], "verified_max_relative_error": 0.0},
        "text_encoder": {"file": "text.pt", "dtype": "float32", "max_length": 77, "width": 8},
        "vae": {"decoder_file": "decoder.pt", "encoder_file": "", "dtype": "float32", "latent_channels": 4,
                "spatial_scale": 8, "scaling_factor": 0.18215},
        "tokenizer": {"vocab_file": "tokenizer/vocab.json", "merges_file": "tokenizer/merges.txt",
                      "max_length": 77, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2,
                      "unk_token_id": 2},
        "scheduler": {"_class_name": "x", "trained_betas": [0.1]},
        "recommended": {"fps": 8, "filter": {"method": "box"}},
    }


def write(name, data):
    path = CORPUS / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)


def plain_archive(archive):
    """The same, not compressed, so that a fuzzer changes code, and without the places in this file."""
    plain = io.BytesIO()
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(plain, "w") as target:
        for name in source.namelist():
            if not name.endswith(".debug_pkl"):
                target.writestr(zipfile.ZipInfo(name), source.read(name))
    return plain.getvalue()


def write_networks():
    """A network, one that runs while it is read; and the state of a run."""

    class Plain(torch.nn.Module):
        def forward(self, x):
            return torch.sigmoid(x) + 1

    class Runs(torch.nn.Module):
        @torch.jit.export
        def __getstate__(self):
            return 1, self.training

        @torch.jit.export
        def __setstate__(self, state: tuple[int, bool]):
            self.training = state[1]

        def forward(self, x):
            return x

    for name, module in (("plain", Plain()), ("runs", Runs())):
        buffer = io.BytesIO()
        torch.jit.save(torch.jit.script(module), buffer)
        write(f"torchscript/{name}.pt", plain_archive(buffer))
    latents = numpy.arange(16, dtype=numpy.float32).reshape(1, 4, 1, 2, 2)
    arrays = {"noise_source": torch.Generator().get_state().numpy()[None], "first_noise": latents, "latents": latents,
              "counters": numpy.array([1, 5, 2, 5], dtype=numpy.int64),
              "partial_level": numpy.array([0.5, 0.5])}
    write("checkpoint/state.safetensors", save(arrays, {"format": "freeinit checkpoint 1", "sha256": "0" * 64}))


def write_videos():
    folder = CORPUS / "video"
    folder.mkdir(parents=True, exist_ok=True)
    source = ["-f", "lavfi", "-i", "testsrc=size=16x16:rate=8:duration=0.4"]
    for name, options in [
        ("h264.mp4", ["-c:v", "libx264", "-x264-params", "log-level=none"]), ("vp9.webm", ["-c:v", "libvpx-vp9"]),
        ("animation.gif", []), ("picture.png", ["-frames:v", "1"]), ("mjpeg.avi", ["-c:v", "mjpeg"]),
    ]:
        subprocess.run(["ffmpeg", "-v", "error", "-y", *source, "-fflags", "+bitexact", *options, folder / name],
                       check=True)
    sound = ["-f", "lavfi", "-i", "sine=d=0.05"]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *sound, "-fflags", "+bitexact", folder / "sound.wav"], check=True)


def write_arrays():
    """As NumPy writes them, and headers that it does not write."""
    latents = numpy.arange(16, dtype=numpy.float32).reshape(1, 4, 1, 2, 2)
    arrays = {"latents": latents, "columns": numpy.asfortranarray(numpy.arange(6, dtype=numpy.float64).reshape(2, 3)),
              "flags": numpy.array([True, False, True]), "number": numpy.array(7, dtype=numpy.uint16),
              "empty": numpy.zeros((0, 3), dtype=numpy.complex64)}
    for name, array in arrays.items():
        buffer = io.BytesIO()
        numpy.save(buffer, array)
        write(f"npy/numpy_{name}.npy", buffer.getvalue())
    buffer = io.BytesIO()
    numpy.lib.format.write_array(buffer, latents.astype(numpy.float16), version=(2, 0))
    write("npy/numpy_second_version.npy", buffer.getvalue())
    for name, shape in (("overflow", "(4294967296, 4294967296, 4294967296)"), ("deep", "(" * 4000), ("short", "(1000, 1000)")):
        header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
        write(f"npy/{name}.npy", b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header)


def main():
    write("manifest/complete.json", json.dumps(manifest()))
    write("manifest/duplicate_key.json", '{"schema":1,"schema":1}')
    write("manifest/deep.json", '{"schema":' + "[" * 20000 + "]" * 20000 + "}")
    arrays = {"a": numpy.arange(6, dtype=numpy.float32).reshape(2, 3), "b": numpy.zeros((0, 2), numpy.int64)}
    write("safetensors/two.safetensors", save(arrays, {"format": "np"}))
    header = b'{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}'
    write("safetensors/overflow.safetensors", len(header).to_bytes(8, "little") + header)
    header = b'{"a":{"dtype":' + b"[" * 20000 + b"]" * 20000 + b"}}"
    write("safetensors/deep.safetensors", len(header).to_bytes(8, "little") + header)
    write("prompt/words.txt", "A red circle, moving RIGHT <|endoftext|> don't 123")
    write("prompt/unicode.txt", "\u0130stanbul e\u0301\u0323 \u11a7\uac00\u11a7 \U0001f469\u200d\U0001f469 \u6771\u4eac")
    write("prompt/broken_utf8.txt", b"\xff\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80\xf0\x9f")
    write("tokenizer/files.txt", '{"a":0,"b</w>":1,"ab</w>":2}\0#version: 0.2\na b</w>\n')
    write("json/request.json", '{"prompt":"a red circle","seed":1,"num_frames":16,"filter":"butterworth","eta":0.5}')
    write("json/values.json", '[0,-1,1e308,18446744073709551615,null,true,"\\u0000\\ud83d\\ude00",{"a":{}}]')
    write("toml/plain.toml", 'prompt = "a red circle"\neta = 0.5\noverwrite = true\npair = [1, 2]\n')
    write("toml/section.toml", "[generate]\nPROMPT = \"\"\"\na\"\"\"\neta = '0.5' # why\n")
    write("toml/dotted.toml", "a." * 2000 + "b = 1\n")
    write("toml/settings.json", '{"prompt":"a","eta":0.5,"pair":[1,2],"seconds":1,"overwrite":null}')
    write("toml/deep.json", '{"eta":' + '{"a":' * 5000 + "1" + "}" * 5001)
    write_arrays()
    write_networks()
    write_videos()


if __name__ == "__main__":
    main()
