"""`python -m freeinit_export` is the command `freeinit-export`."""

import sys

from freeinit_export.cli import main

if __name__ == "__main__":
    sys.exit(main())
