#!/usr/bin/env bash
# with_packages.sh PACKAGE==VERSION... < PROGRAM.py
# Installs the packages in a temporary virtual environment, runs the program there, removes both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/finding.py"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "$@"
cd "$folder"
PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1 TRANSFORMERS_VERBOSITY=error DIFFUSERS_VERBOSITY=error "$folder/venv/bin/python" finding.py
