"""Measures, over all code points, where Hugging Face `tokenizers` differs from PCRE2 and utf8proc.

Prints the tables of include/freeinit/impl/text/unicode_corrections_inl.hpp. Needs the packages
`tokenizers` and `regex` and the shared libraries libpcre2-8 and libutf8proc:

    python tests/reference/text/unicode_differences.py
"""

import ctypes
import unicodedata

import regex
from tokenizers import Regex, normalizers

CODE_POINTS = [c for c in range(1, 0x110000) if not 0xD800 <= c <= 0xDFFF]
PCRE2_UTF_UCP = 0x00080000 | 0x00020000


class Utf8proc:
    def __init__(self):
        self.lib = ctypes.CDLL("libutf8proc.so.2")
        self.lib.utf8proc_NFC.restype = ctypes.c_void_p
        self.lib.utf8proc_NFC.argtypes = [ctypes.c_char_p]
        self.lib.utf8proc_tolower.restype = ctypes.c_int32
        self.lib.utf8proc_unicode_version.restype = ctypes.c_char_p
        self.libc = ctypes.CDLL(None)
        self.libc.free.argtypes = [ctypes.c_void_p]

    def nfc(self, text):
        pointer = self.lib.utf8proc_NFC(text.encode())
        result = ctypes.string_at(pointer).decode()
        self.libc.free(pointer)
        return result

    def lower(self, code_point):
        return chr(self.lib.utf8proc_tolower(code_point))


class Pcre2Class:
    """Which single code points a PCRE2 pattern matches."""

    def __init__(self, pattern):
        lib = self.lib = ctypes.CDLL("libpcre2-8.so.0")
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        lib.pcre2_compile_8.restype = pointer
        lib.pcre2_compile_8.argtypes = [ctypes.c_char_p, size, ctypes.c_uint32, pointer, pointer, pointer]
        lib.pcre2_match_data_create_from_pattern_8.restype = pointer
        lib.pcre2_match_data_create_from_pattern_8.argtypes = [pointer, pointer]
        lib.pcre2_match_8.argtypes = [pointer, ctypes.c_char_p, size, size, ctypes.c_uint32, pointer, pointer]
        error, place = ctypes.c_int(), size()
        self.code = lib.pcre2_compile_8(
            pattern.encode(), len(pattern), PCRE2_UTF_UCP, ctypes.byref(error), ctypes.byref(place), None
        )
        self.data = lib.pcre2_match_data_create_from_pattern_8(self.code, None)

    def matches(self, code_point):
        raw = chr(code_point).encode()
        return self.lib.pcre2_match_8(self.code, raw, len(raw), 0, 0, self.data, None) > 0


def ranges(code_points):
    found = []
    for c in sorted(code_points):
        if found and found[-1][1] == c - 1:
            found[-1][1] = c
        else:
            found.append([c, c])
    return found


def show(name, code_points):
    print(f"{name}: {len(code_points)} code points")
    print("  " + ", ".join(f"{{0x{a:X}, 0x{b:X}}}" for a, b in ranges(code_points)))


def normalization_differences(utf8proc):
    """Code points that utf8proc (or Unicode 17) reorders or composes and Hugging Face does not."""
    nfc = normalizers.NFC().normalize_str
    contexts = ["{}", "a{}\u0323", "a\u0301{}", "a{}\u0301", "a{}\u0334", "a\u0345{}", "{}\u0300\u0334",
                "\u1100{}\u1161", "\u1100\u1161{}", "{}\u3099", "\u0301{}\u0315\u0327"]
    differing = set()
    for context in contexts:
        for c in CODE_POINTS:
            text = context.replace("{}", chr(c))
            if nfc(text) != utf8proc.nfc(text):
                differing.add(c)
    marks = regex.compile(r"\P{ccc=0}")
    for c in CODE_POINTS:
        if marks.fullmatch(chr(c)) and not unicodedata.combining(chr(c)):
            differing.add(c)  # a mark newer than this Python's Unicode
    for c in CODE_POINTS:
        parts = unicodedata.decomposition(chr(c)).split()
        if len(parts) != 2 or parts[0].startswith("<"):
            continue
        pair = "".join(chr(int(part, 16)) for part in parts)
        if nfc(pair) != utf8proc.nfc(pair):
            differing.update([c, ord(pair[0]), ord(pair[1])])
    return differing


def main():
    utf8proc = Utf8proc()
    print("utf8proc's Unicode", utf8proc.lib.utf8proc_unicode_version().decode())
    show("normalisation", normalization_differences(utf8proc))
    lower = normalizers.Lowercase().normalize_str
    for c in CODE_POINTS:
        if lower(chr(c)) != utf8proc.lower(c):
            print(f"lower case: 0x{c:X} ->", [f"0x{ord(x):X}" for x in lower(chr(c))])
    for name in [r"\s", r"\p{L}", r"\p{N}"]:
        pcre2 = Pcre2Class(name)
        remove = normalizers.Replace(Regex(name), "").normalize_str
        ours = {c for c in CODE_POINTS if remove(chr(c)) == ""}
        theirs = {c for c in CODE_POINTS if pcre2.matches(c)}
        show(name + " only in Hugging Face", ours - theirs)
        show(name + " only in PCRE2", theirs - ours)


if __name__ == "__main__":
    main()
