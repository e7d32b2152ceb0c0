"""Every link inside the built site leads somewhere, and no command of Doxygen's is left in a text.

    python3 docs/site/check_links.py build/docs/html
"""

import re
import sys
from pathlib import Path

OWN = {"nested-classes"}  # Doxygen links to this heading of a class also where the page has none


def main(folder: Path) -> int:
    texts = {page.name: page.read_text(errors="replace") for page in folder.glob("*.html")}
    places = {name: set(re.findall(r'(?:id|name)="([^"]+)"', text)) for name, text in texts.items()}
    wrong = []
    for name, text in texts.items():
        for target in re.findall(r'href="([^":]+)"', text):
            page, _, anchor = target.partition("#")
            page = page or name
            if not (folder / page).exists() or page in places and anchor and anchor not in places[page] | OWN:
                wrong.append(f"{name}: nothing at {target}")
        prose = re.sub(r'<div class="fragment">.*?</div><!-- fragment -->', "", text, flags=re.DOTALL)
        wrong += [f"{name}: left in the text: {left}" for left in re.findall(r"@(?:ref|section|verbatim)\b.*", prose)]
    print("\n".join(sorted(wrong)), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
