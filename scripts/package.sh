#!/usr/bin/env bash
# Builds Debian packages of the command and of the library: scripts/package.sh [CMAKE ARGUMENT...]
# They lie in build/packages afterwards. LibTorch is in none; docs/command.md says how it is found.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
build="$FREEINIT_ROOT/build/package"

freeinit_setup
cmake -S "$FREEINIT_ROOT" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/usr \
  -DFREEINIT_BUILD_TESTS=OFF -DFREEINIT_BUILD_EXAMPLES=OFF -DFREEINIT_LIBTORCH_LIBRARIES=/opt/libtorch/lib \
  "${FREEINIT_CMAKE_ARGS[@]}" "$@"
cmake --build "$build"
cmake -E chdir "$build" cpack -B "$FREEINIT_ROOT/build/packages"
ls "$FREEINIT_ROOT"/build/packages/*.deb
