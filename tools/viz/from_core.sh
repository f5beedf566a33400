#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Write memory down, as `snap` does, of a machine that is gone.
#
#   from_core.sh CORE KERNEL TEXT GDB      CORE: QEMU's dump-guest-memory, or core.py's of it
set -eu
core=$1 kernel=$2 text=$3 gdb=$4
here=$(dirname "$0")/../debugger
[ -e "$core" ] || { echo "viz: $core: there is no such file" >&2; exit 1; }
made=
trap 'rm -f ${made:+"$made"}' EXIT
rm -f "$text"
# A dump has memory by physical address: no part of it lies in the kernel's half.
if ! readelf -lW "$core" 2>/dev/null | grep -q 'LOAD .* 0xffff'; then
  made=$(mktemp "$text.XXXXXX")
  "$here/core.py" "$core" "$made" "$kernel" >/dev/null
  core=$made
fi
"$gdb" -q -nx -batch "$kernel" "$core" -x "$here/main.py" -ex "snapshot $text" \
  >"$text.log" 2>&1 || true
if ! grep -qs '^==== end' "$text"; then
  tail -n 3 "$text.log" >&2
  echo "viz: $1: nothing could be read from it" >&2
  exit 1
fi
rm -f "$text.log"
