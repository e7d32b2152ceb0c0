#!/usr/bin/env bash
# Builds the documentation's site, build/docs/html/index.html: the guides of docs/ and the reference of the
# headers. A warning is an error: a link that leads nowhere, a public symbol without documentation.
#
# Doxygen and its theme are Debian packages; what is missing is installed.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
_freeinit_debian_packages $(_freeinit_site_packages) || exit 1
cd "$FREEINIT_ROOT" || exit 1
rm -rf build/docs && mkdir -p build || exit 1
export FREEINIT_VERSION
FREEINIT_VERSION=$(sed -n 's/^#define FREEINIT_VERSION "\(.*\)"/\1/p' include/freeinit/core/config.hpp)
mapfile -t pages < <(git ls-files '*.md' | grep -E '^([A-Z]+\.md|docs/|findings/|benchmarks/results/|models/export/)')
python3 -B docs/site/markdown.py "${pages[@]}" >/dev/null && doxygen docs/site/Doxyfile &&
  python3 -B docs/site/check_links.py build/docs/html || exit 1
echo "$FREEINIT_ROOT/build/docs/html/index.html"
