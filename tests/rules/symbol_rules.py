"""The library does not print, abort or exit: checked with nm on the compiled library.

    python3 tests/rules/symbol_rules.py NM LIBRARY

It looks at the references of the library's own object files, what other libraries do inside is theirs.
"""

import re
import subprocess
import sys

FORBIDDEN = [
    r"std::cout\b",
    r"std::cerr\b",
    r"std::clog\b",
    r"^(__)?v?printf(_chk)?(@|$)",
    r"^(__)?v?fprintf(_chk)?(@|$)",
    r"^f?puts(@|$)",
    r"^putchar(@|$)",
    r"^perror(@|$)",
    r"^abort(@|$)",
    r"^(_|quick_)?exit(@|$)",
    r"^stdout(@|$)",
    r"^stderr(@|$)",
    r"^srand(@|$)",
    r"\bmanual_seed\b",
    r"^av_log_set_",
]


def undefined_symbols(nm, library):
    """(object file, demangled symbol) of every reference."""
    run = subprocess.run([nm, "-C", "-u", library], capture_output=True, text=True, check=True)
    current = library
    for line in run.stdout.splitlines():
        if line.endswith(":"):
            current = line[:-1]
        elif line.strip():
            yield current, re.sub(r"^\s*[Uvw]\s+", "", line)


def main():
    nm, library = sys.argv[1:3]
    found = set()
    seen = 0
    for source, symbol in undefined_symbols(nm, library):
        seen += 1
        for pattern in FORBIDDEN:
            if re.search(pattern, symbol):
                found.add(f"{source}: refers to {symbol}")
    print("\n".join(sorted(found)) if found else f"symbol rules: all kept ({seen} references)")
    return 1 if found or seen == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
