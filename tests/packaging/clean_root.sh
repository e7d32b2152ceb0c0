#!/usr/bin/env bash
# A command of the last commit on a clean Debian, as a new user has it (as root, with debootstrap):
#
#   tests/packaging/clean_root.sh ROOT [COMMAND...]       COMMAND: scripts/demo.sh if not given
#
# ROOT is made if it is not there, from DEBIAN_MIRROR (http://deb.debian.org/debian), DEBIAN_SUITE (bookworm).
# FREEINIT_FILES: files to be copied to /files, for instance build/packages/*.deb.
# The command sees no variable but those of pip; what PIP_CERT names is copied along.
# PIP_CONFIG_FILE=/dev/null PIP_FIND_LINKS= leaves out wheels that lie on this machine.
set -euo pipefail
source_tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
root=${1:?"usage: clean_root.sh ROOT [COMMAND...]"}
shift
(($#)) || set -- scripts/demo.sh

if [[ ! -e $root/usr/bin/apt-get ]]; then
  debootstrap --variant=minbase "${DEBIAN_SUITE:-bookworm}" "$root" \
    "${DEBIAN_MIRROR:-http://deb.debian.org/debian}"
fi
cp /etc/resolv.conf "$root/etc/resolv.conf"
if [[ -n ${PIP_CERT:-} ]]; then
  cp "$PIP_CERT" "$root/pip-cert.crt"
  export PIP_CERT=/pip-cert.crt
fi
rm -rf "$root/freeinit"
git clone --quiet --no-hardlinks "$source_tree" "$root/freeinit"

mkdir -p "$root/files"
[[ -z ${FREEINIT_FILES:-} ]] || cp $FREEINIT_FILES "$root/files"

mapfile -t variables < <(env | grep '^PIP_' || true)
start=$SECONDS
# Mounts and processes are gone with the command.
unshare --mount --pid --fork bash -c '
  root=$1; shift
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount --rbind /sys "$root/sys"
  exec chroot "$root" "$@"' bash "$root" \
  /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "${variables[@]}" \
  bash -c 'cd /freeinit && exec "$@"' bash "$@"
echo "clean_root: $* took $((SECONDS - start)) s"
