"""What a file is that is no checkpoint: downloads go wrong in a few ways, and each has its sign."""

from __future__ import annotations

import struct
from pathlib import Path

# How a file begins, and what it is.
_BEGINNINGS = {
    b"version https://git-lfs": "a pointer of Git LFS in place of the file itself: fetch it with"
    " 'git lfs pull', or download the file alone",
    b"GGUF": "a GGUF file of quantised weights",
    b"\x89HDF": "an HDF5 file (Keras)",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"RIFF": "a WebP picture or a WAV sound",
    b"\x1f\x8b": "a gzip archive: unpack it first",
    b"7z\xbc\xaf": "a 7z archive: unpack it first",
    b"Rar!": "a RAR archive: unpack it first",
    b"%PDF": "a PDF document",
    b"\x7fELF": "a program",
    b"MZ": "a program",
}
_MARKUP = (b"<!doctype", b"<html", b"<?xml", b"<head", b"<error")
ZIP, SAFETENSORS, PICKLE = "zip", "safetensors", "pickle"
_LARGEST_HEADER = 100 * 2**20  # of safetensors


def checkpoint_format(path: Path) -> str | None:
    """`ZIP` (torch since 1.6), `SAFETENSORS` or `PICKLE`, by content; the extension may be wrong.
    None: no checkpoint."""
    start = _start(path)
    if start.startswith(b"PK\x03\x04"):
        return ZIP
    if start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return PICKLE
    if len(start) > 8 and start[8:9] == b"{" and _header_size(start) <= _LARGEST_HEADER:
        return SAFETENSORS
    return None


def what_it_is(path: Path) -> str:
    """What a file is that is no checkpoint, in a few words for a message."""
    start = _start(path)
    if not start:
        return "is empty: download it again"
    for beginning, kind in _BEGINNINGS.items():
        if start.startswith(beginning):
            return f"is {kind}"
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(_MARKUP):
        return "is a web page: a download that asked for a login or went to the wrong address"
    if text.startswith((b"{", b"[")):
        return "is a JSON text: an error message in place of the file, or a configuration"
    if not any(start):
        return "begins with zeros: a download that was not finished"
    return "is damaged, or of another kind"


def _start(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(512)


def _header_size(start: bytes) -> int:
    return struct.unpack("<Q", start[:8])[0]
