#!/usr/bin/env bash
# Makes a video of a prompt with the demo model: scripts/demo.sh ["a red circle moving right"]
# Installs what is missing, builds the command (once), writes out/demo.mp4.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
prompt=${1:-a red circle moving right}
build="$FREEINIT_ROOT/build/release"
log="$FREEINIT_ROOT/build/demo.log"

quietly() {
  "$@" >>"$log" 2>&1 || { tail -n 30 "$log" >&2; echo "demo: failed; all of it is in $log" >&2; exit 1; }
}

freeinit_setup
mkdir -p "$FREEINIT_ROOT/build" "$FREEINIT_ROOT/out"
: >"$log"
[[ -x "$build/bin/freeinit" ]] || echo "demo: building the command (some minutes, once)" >&2
if [[ ! -e "$build/build.ninja" ]]; then
  quietly cmake -S "$FREEINIT_ROOT" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
    -DFREEINIT_BUILD_TESTS=OFF -DFREEINIT_BUILD_EXAMPLES=OFF "${FREEINIT_CMAKE_ARGS[@]}"
fi
quietly cmake --build "$build" --target freeinit_cli freeinit_c  # all that `cmake --install` installs

start=$SECONDS
"$build/bin/freeinit" generate "$prompt" --bundle "$FREEINIT_ROOT/models/shapes" \
  -o "$FREEINIT_ROOT/out/demo.mp4" --overwrite
echo "The video of \"$prompt\" is $FREEINIT_ROOT/out/demo.mp4 (made in $((SECONDS - start)) s)"
