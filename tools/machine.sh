#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Checks CPUS, MEM and SWAP before QEMU does, in plainer words, and makes the
# swap disk.  Sizes are QEMU's: a number and K, M, G or T; without one, M.
#
#   machine.sh CPUS MEM SWAP SWAPFILE
set -u

fail() { echo "quire: $*" >&2; exit 2; }

# kib SIZE: the size in KiB, or fails
kib() {
  n=${1%[KkMmGgTt]}
  case $n in ''|*[!0-9]*) return 1 ;; esac
  [ ${#n} -le 12 ] || return 1
  case $1 in
    *[Kk]) echo "$n" ;;
    *[Gg]) echo $((n * 1048576)) ;;
    *[Tt]) echo $((n * 1073741824)) ;;
    *) echo $((n * 1024)) ;;
  esac
}

# sign FILE N: the header of a swap area whose last page is N, as mkswap's
sign() {
  last=$(printf '\\%03o' $(($2 & 255)) $(($2 >> 8 & 255)) $(($2 >> 16 & 255)) $(($2 >> 24)))
  printf "\\001\\0\\0\\0$last" | dd of="$1" bs=1 seek=1024 conv=notrunc status=none
  printf SWAPSPACE2 | dd of="$1" bs=1 seek=4086 conv=notrunc status=none
}

cpus=$1 mem=$2 swap=$3 file=$4

case $cpus in
  ''|*[!0-9]*) fail "CPUS=$cpus: not a number; try CPUS=3" ;;
esac
[ "$cpus" -ge 1 ] && [ "$cpus" -le 64 ] ||
  fail "CPUS=$cpus: quire runs on 1 to 64 harts; try CPUS=3"

m=$(kib "$mem") || fail "MEM=$mem: not a size; try MEM=128M"
[ "$m" -ge 5120 ] || fail "MEM=$mem: too small, the machine needs at least 5M; try MEM=128M"
[ "$m" -le $((126 * 1048576)) ] || fail "MEM=$mem: more than quire maps; at most 126G"

s=$(kib "$swap") || fail "SWAP=$swap: not a size; try SWAP=64M, or SWAP=0 for none"
if [ "$s" -gt 0 ]; then
  mkdir -p "$(dirname "$file")" && truncate -s "${s}K" "$file" || fail "cannot make $file"
  sign "$file" $((s / 4 - 1))
fi
