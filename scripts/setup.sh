#!/usr/bin/env bash
# Installs what freeinit needs to be built, on Debian and Ubuntu. Safe to run again: it is quiet and
# quick when nothing is missing.
#
#   scripts/setup.sh           what the command needs
#   scripts/setup.sh --tests   and what the tests need: GoogleTest, the Python reference packages
#
# demo.sh and test.sh source this file and call freeinit_setup, which leaves
#   FREEINIT_CMAKE_ARGS   arguments that let CMake find LibTorch; with --tests they also switch on every
#                         backend that a CPU can run
#   FREEINIT_PYTHON       with --tests: a Python that has the reference packages
#   FREEINIT_IMAGE_ENCODERS   with --tests: a folder for PYTHONPATH that adds timm and torchvision
# and a PATH with cmake >= 3.24 and ninja.
#
# LibTorch is looked for in this order: Torch_DIR or CMAKE_PREFIX_PATH of the environment, `torch` of
# the active Python, else `pip install torch` into .venv.

FREEINIT_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
FREEINIT_VENV="$FREEINIT_ROOT/.venv"
FREEINIT_IMAGE_ENCODERS="$FREEINIT_VENV/image-encoders"
FREEINIT_TORCH_VERSION=2.13.0

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
  echo g++ pkg-config libeigen3-dev nlohmann-json3-dev libpcre2-dev libutf8proc-dev \
    libavformat-dev libavcodec-dev libavfilter-dev libavutil-dev libswscale-dev \
    libcli11-dev libspdlog-dev libfmt-dev libtomlplusplus-dev libhwy-dev python3-venv
  _freeinit_have_cmake || echo cmake
  command -v ninja >/dev/null || echo ninja-build
  if [[ $1 == --tests ]]; then echo libgtest-dev; fi
}

_freeinit_is_installed() {
  [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

_freeinit_install_packages() {
  local package missing=() as_root=()
  for package in $(_freeinit_packages "$1"); do
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

_freeinit_debian_packages() {
  if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
    _freeinit_install_packages "$1"
  else
    _freeinit_say "no Debian or Ubuntu; expecting the equivalents of:" $(_freeinit_packages "$1")
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

_freeinit_torch_is_given() {
  [[ -n ${Torch_DIR:-} && -e "$Torch_DIR/TorchConfig.cmake" ]] && return 0
  local prefix prefixes
  IFS=':;' read -r -a prefixes <<<"${CMAKE_PREFIX_PATH:-}"
  for prefix in "${prefixes[@]}"; do
    [[ -e "$prefix/Torch/TorchConfig.cmake" || -e "$prefix/share/cmake/Torch/TorchConfig.cmake" ]] &&
      return 0
  done
  return 1
}

# The CMake folder of the torch package of a Python, without importing it (which takes seconds).
_freeinit_torch_of() {
  command -v "$1" >/dev/null && "$1" - 2>/dev/null <<'PYTHON'
import importlib.util, pathlib, sys
spec = importlib.util.find_spec("torch")
cmake = pathlib.Path(spec.origin).parent / "share" / "cmake" if spec and spec.origin else None
if cmake is None or not (cmake / "Torch" / "TorchConfig.cmake").exists():
    sys.exit(1)
print(cmake)
PYTHON
}

# A torch built for CUDA cannot be built against without the CUDA toolkit: say so here, since CMake's
# own message does not.
_freeinit_check_cuda() {
  local version_file="$1/../../version.py"
  grep -q "^cuda: .*= *'" "$version_file" 2>/dev/null || return 0
  command -v nvcc >/dev/null || [[ -n ${CUDA_HOME:-} || -d /usr/local/cuda ]] && return 0
  _freeinit_say "the torch at ${1%/share/cmake} is built for CUDA, and the CUDA toolkit is not installed"
  _freeinit_say "install the toolkit, or a CPU build of torch: set PIP_INDEX_URL to PyTorch's CPU" \
    "index, remove .venv and run this again"
  return 1
}

_freeinit_libtorch() {
  local cmake_dir
  FREEINIT_CMAKE_ARGS=()
  _freeinit_torch_is_given && return 0
  if ! cmake_dir=$(_freeinit_torch_of python3) &&
    ! cmake_dir=$(_freeinit_torch_of "$FREEINIT_VENV/bin/python"); then
    _freeinit_say "installing torch $FREEINIT_TORCH_VERSION into .venv (a large download)"
    _freeinit_pip_install "torch==$FREEINIT_TORCH_VERSION" || return 1
    cmake_dir=$(_freeinit_torch_of "$FREEINIT_VENV/bin/python") ||
      { _freeinit_die "torch was installed but its CMake files were not found"; return 1; }
  fi
  _freeinit_check_cuda "$cmake_dir" || return 1
  FREEINIT_CMAKE_ARGS=("-DTorch_DIR=$cmake_dir/Torch")
}

# --- Optional backends -----------------------------------------------------------------------------

# AOTInductor is in LibTorch, OpenVINO in the Python package of that name.
_freeinit_backends() {
  local openvino
  openvino=$("$FREEINIT_PYTHON" -c 'import openvino; print(openvino.__path__[0])') &&
    [[ -e "$openvino/cmake/OpenVINOConfig.cmake" ]] ||
    { _freeinit_die "the openvino package of $FREEINIT_PYTHON has no CMake files"; return 1; }
  FREEINIT_CMAKE_ARGS+=(-DFREEINIT_WITH_AOTI=ON -DFREEINIT_WITH_OPENVINO=ON
    "-DOpenVINO_DIR=$openvino/cmake")
}

# ---------------------------------------------------------------------------------------------------

freeinit_setup() {
  local mode=${1:-}
  [[ -z $mode || $mode == --tests ]] || { _freeinit_die "unknown option '$mode'"; return 2; }
  _freeinit_debian_packages "$mode" || return 1
  if [[ $mode == --tests ]]; then _freeinit_python_packages || return 1; fi
  _freeinit_build_tools && _freeinit_libtorch || return 1
  if [[ $mode == --tests ]]; then _freeinit_backends; fi
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  set -u
  freeinit_setup "$@"
fi
