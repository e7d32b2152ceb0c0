"""Writes the seeds of tests/fuzz/corpus; inputs that a fuzzer found stay beside them.

    python tests/fuzz/make_corpus.py        needs the packages safetensors and numpy, and ffmpeg
"""

import json
import pathlib
import subprocess

import numpy
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
    write("tokenizer/words.txt", "T A red circle, moving RIGHT <|endoftext|> don't 123")
    write("tokenizer/unicode.txt", "T\u0130stanbul e\u0301\u0323 \u11a7\uac00\u11a7 \U0001f469\u200d\U0001f469 \u6771\u4eac")
    write("tokenizer/broken_utf8.txt", b"T\xff\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80\xf0\x9f")
    write("tokenizer/files.txt", 'F{"a":0,"b</w>":1,"ab</w>":2}\0#version: 0.2\na b</w>\n')
    write_videos()


if __name__ == "__main__":
    main()
