"""How tests look at pictures. Python's standard library only."""

import struct
import zlib

from support import png_size

GAP = 2  # pixels around each frame of a picture
WHITE = (255, 255, 255)


def read_png(path):
    """The pixels of an RGB picture of 8 bits: rows of (r, g, b)."""
    data = path.read_bytes()
    width, height = png_size(path)
    assert data[24:26] == b"\x08\x02", data[24:26]
    packed, place = b"", 8
    while place < len(data):
        (length,) = struct.unpack(">I", data[place:place + 4])
        if data[place + 4:place + 8] == b"IDAT":
            packed += data[place + 8:place + 8 + length]
        place += length + 12
    raw = zlib.decompress(packed)
    step, above, rows = width * 3 + 1, bytes(width * 3), []
    for y in range(height):
        kind, line = raw[y * step], bytearray(raw[y * step + 1:(y + 1) * step])
        for i, up in enumerate(above):
            left, corner = (line[i - 3], above[i - 3]) if i >= 3 else (0, 0)
            near = min((left, up, corner), key=lambda value: abs(left + up - corner - value))
            line[i] = (line[i] + (0, left, up, (left + up) // 2, near)[kind]) % 256
        above = bytes(line)
        rows.append([tuple(line[i:i + 3]) for i in range(0, len(line), 3)])
    return rows


def part(rows, top, left, height, width):
    return [row[left:left + width] for row in rows[top:top + height]]
