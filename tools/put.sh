#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Copies programs made by the stock cross compiler into a disk image, and with them
# the dynamic linker and every shared library they need.  The guest must not run.
set -eu
usage() {
  cat <<'END'
usage: tools/put.sh [-i IMAGE] [-d DIRECTORY] FILE...

Copy programs and shared libraries, and what they are linked to, into a disk image.

  -i IMAGE      the image; build/fs.img if not given (`make image` makes it)
  -d DIRECTORY  where programs go; / if not given.  Shared libraries (*.so, *.so.N)
                go to /lib, the dynamic linker to where programs ask for it
  --help        print this

A library is looked for beside what needs it, then where the compiler keeps its own.
What a program loads by itself, as with dlopen(), has to be named.
END
}
top=$(dirname "$0")/..
fsput=$top/build/mkfs/fsput
cross=${CROSS-$(cd "$top" && tools/setup.sh prefix)}
image=$top/build/fs.img directory=/
[ "${1-}" != --help ] || { usage; exit 0; }
while getopts i:d: option; do
  case $option in
    i) image=$OPTARG ;;
    d) directory=$OPTARG ;;
    *) usage >&2; exit 2 ;;
  esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || { usage >&2; exit 2; }
done=" "

is_library() { case ${1##*/} in *.so | *.so.[0-9]*) true ;; *) false ;; esac; }

# Names of the libraries that file $1 needs; nothing for what is not ELF.
needed() { "${cross}readelf" -d "$1" 2>&1 | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'; }

# Path of the dynamic linker that file $1 asks for.
linker() { "${cross}readelf" -l "$1" 2>&1 | sed -n 's/.*interpreter: \(.*\)\]/\1/p'; }

# Path on this machine of library $1, which $2 needs.
find_library() {
  beside=$(dirname "$2")/$1
  [ ! -e "$beside" ] || { echo "$beside"; return; }
  found=$("${cross}gcc" -print-file-name="$1")
  [ "$found" != "$1" ] || { echo "put.sh: $2 needs $1, which is nowhere" >&2; return 1; }
  echo "$found"
}

# Copies library $1 (a name), which $2 needs, to $3, once.
put_library() {
  case $done in *" $1 "*) return ;; esac
  done="$done$1 "
  path=$(find_library "$1" "$2")
  $fsput -p "$image" "$path" "$3"
  put_needed "$path"
}

put_needed() {
  for name in $(needed "$1"); do
    put_library "$name" "$1" "/lib/$name"
  done
}

for file; do
  if is_library "$file"; then
    put_library "${file##*/}" "$file" "/lib/${file##*/}"
    continue
  fi
  $fsput -p "$image" "$file" "$directory/"
  for path in $(linker "$file"); do
    put_library "${path##*/}" "$file" "$path"
  done
  put_needed "$file"
done
