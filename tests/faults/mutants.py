"""Damage and malice: mutants of bytes, of text and of JSON, each made of its own seed."""

import ast
import json

NUMBERS = ("-1", "0", "1", "255", "65536", "2147483648", "9223372036854775807", "9223372036854775808",
           "18446744073709551616", "-9223372036854775809", "1e308", "1e999", "-1e999", "0.1", "nan", "9" * 4000)
RAW = "\x01raw %d\x01"  # stands for text that json.dumps would not write
RAW_TEXTS = ("[" * 60000 + "]" * 60000, '{"a":' * 60000 + "1" + "}" * 60000, "1e999", "9" * 5000, "nan",
             "-", '"\\ud800"', '"\\u0000"', "")
TEXTS = ("", "x" * 100000, "../../../etc/passwd", "/etc/passwd", "a\0b", "\x1b[31mred", "%s%n", "\u202eevil",
         "unet.pt/../../x", "text with \"quotes\" and \n lines")


def of_bytes(dice, data):
    data = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 4, 16))):
        at = dice.randrange(len(data) + 1)
        length = min(dice.choice((1, 2, 4, 8, 64, 1024)), len(data) - at)
        kind = dice.randrange(7)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << dice.randrange(8)
        elif kind == 1:
            data[at:at + length] = dice.randbytes(length)
        elif kind == 2:
            del data[at:]
        elif kind == 3:
            del data[at:at + length]
        elif kind == 4:
            data[at:at] = data[at:at + length] * dice.choice((1, 2, 50))
        elif kind == 5:
            number = dice.choice((0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 63, 2 ** 64 - 1, len(data)))
            width = dice.choice((2, 4, 8))
            data[at:at + width] = (number % 256 ** width).to_bytes(width, dice.choice(("little", "big")))
        else:
            data[at:at] = bytes([dice.choice((0, 9, 10, 13, 34, 92, 128, 255))]) * dice.choice((1, 1000))
    return bytes(data)


def of_text(dice, data):
    """Lines and numbers, too; the result need not be UTF-8."""
    lines = data.decode(errors="replace").split("\n")
    at = dice.randrange(len(lines))
    kind = dice.randrange(8)
    if kind == 0:
        lines[at] = lines[at].partition("=")[0] + "= " + dice.choice(NUMBERS)
    elif kind == 1:
        lines[at] = lines[at].partition("=")[0] + "= " + json.dumps(dice.choice(TEXTS))
    elif kind == 2:
        lines[at] = lines[at].partition("=")[0] + "= " + dice.choice(("[", "{a = ")) * 20000
    elif kind == 3:
        lines.insert(at, lines[dice.randrange(len(lines))])
    elif kind == 4:
        lines[at] *= dice.choice((2, 3000))
    elif kind == 5:
        lines[at] = dice.choice(TEXTS)
    else:
        return of_bytes(dice, data)
    return "\n".join(lines).encode()


def places(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield from places(part, (*path, key))


def json_value(dice):
    kind = dice.randrange(4)
    if kind == 0:
        return dice.choice((None, True, False, [], {}, [[]], {"": {}}, -1, 0, 2 ** 63, 2 ** 64, -2 ** 63, 0.5, 1e300))
    if kind == 1:
        return dice.choice(TEXTS)
    if kind == 2:
        return dice.choice(([0] * 100000, {str(i): i for i in range(20000)}, ["x"] * 5000))
    return RAW % dice.randrange(len(RAW_TEXTS))


def with_raw(text):
    """Puts the texts in that stand behind RAW."""
    for index, raw in enumerate(RAW_TEXTS):
        text = text.replace(json.dumps(RAW % index), raw)
    return text


def of_json(dice, data):
    """One place of the structure is taken away, doubled, or becomes something else."""
    if dice.randrange(4) == 0:
        return of_bytes(dice, data)
    value = json.loads(data)
    *parents, last = dice.choice([path for path in places(value) if path])
    parent = value
    for key in parents:
        parent = parent[key]
    kind = dice.randrange(5)
    if kind == 0:
        del parent[last]
    elif kind == 1 and isinstance(parent, dict):
        parent[dice.choice(TEXTS)] = parent.pop(last)
    elif kind == 2 and isinstance(parent, dict):
        text = json.dumps(value)
        return text.replace(json.dumps(last) + ":", json.dumps(last) + ": 1, " + json.dumps(last) + ":").encode()
    else:
        parent[last] = json_value(dice)
    return with_raw(json.dumps(value)).encode()


def of_safetensors(dice, data):
    """The header as JSON, with the length in front put right; or bytes anywhere."""
    if dice.randrange(3) == 0:
        return of_bytes(dice, data)
    length = int.from_bytes(data[:8], "little")
    header = of_json(dice, data[8:8 + length])
    said = len(header) if dice.randrange(8) else dice.choice((0, 2 ** 32, 2 ** 63, 2 ** 64 - 1, len(header) + 1))
    return said.to_bytes(8, "little") + header + data[8 + length:]


NPY_TYPES = ("<f8", "<f2", "|b1", "<u8", ">f4", "<c16", "O", "|V8", "<U10", "", "f" * 9000, "[('a', '<f4')]")


def npy_entry(dice, name):
    """Another value of a key of the header, as NumPy writes it or not."""
    if name == "descr":
        return f"'{dice.choice(NPY_TYPES)}'"
    if name == "fortran_order":
        return dice.choice(("True", "False", "1", "None", "'True'", ""))
    sizes = [dice.choice(("0", "1", "2", "4", *NUMBERS)) for _ in range(dice.choice((0, 1, 2, 5, 5, 33, 3000)))]
    return dice.choice(("({})", "({},)", "[{}]", "({}", "({} )", "(({}))", "")).format(", ".join(sizes))


def of_npy(dice, data):
    """A value of the header, a key away or twice, another order of the axes; with the length in front put right, or not;
    or bytes anywhere."""
    if dice.randrange(3) == 0:
        return of_bytes(dice, data)
    begin = 10 if data[6] == 1 else 12
    end = begin + int.from_bytes(data[8:begin], "little")
    entries = ast.literal_eval(data[begin:end].decode())
    parts = {name: repr(value) for name, value in entries.items()}
    name = dice.choice(sorted(parts))
    kind = dice.randrange(6)
    if kind == 0:
        del parts[name]
    elif kind == 1:
        parts[dice.choice(("more", "descr ", *TEXTS))] = npy_entry(dice, name)
    elif kind == 2:
        parts["fortran_order"], parts["shape"] = "True", repr(dice.choice((entries["shape"][::-1], ())))
    else:
        parts[name] = npy_entry(dice, name)
    text = "{" + ", ".join(f"'{key}': {value}" for key, value in parts.items()) + ", }"
    header = text.encode() + b" " * dice.choice((0, 1, 63, 20000)) + b"\n"
    version = dice.choice((1, 1, 1, 1, 2, 3, 0, 255))
    width = 2 if version in (0, 1) else 4
    said = min(len(header), 65535) if dice.randrange(8) else dice.choice((0, 10000, 10001, 65535, len(header) // 2))
    return data[:6] + bytes((version, 0)) + said.to_bytes(width, "little") + header + data[end:]


def of_lines(dice, data):
    """One of the lines, each a JSON object, becomes another; or bytes and lines anywhere."""
    if dice.randrange(3) == 0:
        return of_text(dice, data)
    lines = data.splitlines()
    at = dice.randrange(len(lines))
    lines[at] = of_json(dice, lines[at])
    return b"\n".join(lines) + b"\n"
