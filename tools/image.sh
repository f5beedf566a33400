#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Copies programs into a disk image, which is made if it is not there.
#
#   image.sh IMAGE SIZE FILE...
set -eu
image=$1 size=$2
shift 2
mkfs=build/mkfs
put=$image
[ -e "$image" ] || put=$image.new

# Besides the directories that the kernel mounts on, what C libraries and xv6's
# programs want under their own names.
if [ "$put" != "$image" ]; then
  mkdir -p "$(dirname "$image")"
  $mkfs/mkfs "$put" "$size"
  $mkfs/fsput -d "$put" /bin /dev /proc /tmp
  $mkfs/fsput -s ../sh "$put" /bin/sh
  $mkfs/fsput -s README.md "$put" /README
  $mkfs/fsput -s dev/console "$put" /console
fi

# Programs are in /; but dd in /bin, for xv6's tests make a directory /dd.
for f in "$@"; do
  shift
  case $f in
    */dd) $mkfs/fsput "$put" "$f" /bin/ ;;
    *) set -- "$@" "$f" ;;
  esac
done
[ $# = 0 ] || $mkfs/fsput "$put" "$@" /
[ "$put" = "$image" ] || mv "$put" "$image"
