#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Puts packages of Debian for riscv64, as they are, into a disk image.  apt finds what
# they depend on and checks what it fetches; this machine's own packages and lists
# are left alone.  The guest must not run.
set -eu
usage() {
  cat <<'END'
usage: tools/debian.sh [-i IMAGE] [-s SUITE] PACKAGE...

Fetch riscv64 packages of Debian, with all that they depend on, and copy what is in
them into a disk image.  In the guest: `export PATH=/usr/bin:/usr/sbin:/:/bin`, and
`export TERM=vt100` for what draws on the terminal, as top does.

  -i IMAGE   the image; build/fs.img if not given (`make image` makes it)
  -s SUITE   trixie if not given: the first release for riscv64
  --help     print this

Documentation and translations are left out, and no script of a package is run.
END
}
cd "$(dirname "$0")/.."
image=build/fs.img suite=trixie
[ "${1-}" != --help ] || { usage; exit 0; }
while getopts i:s: option; do
  case $option in
    i) image=$OPTARG ;;
    s) suite=$OPTARG ;;
    *) usage >&2; exit 2 ;;
  esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || { usage >&2; exit 2; }
set -- ncurses-base "$@"       # every Debian has it, so that no package names it
[ -f "$image" ] ||
  { echo "debian.sh: there is no image $image; \`make image\` makes one" >&2; exit 1; }
image=$(realpath "$image")
fsput=$PWD/build/mkfs/fsput
at=$PWD/build/upstream/debian-$suite
root=$at/root

# ---- Fetching ----
# From where this machine's own packages come.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
  grep -v security | head -1)
[ -n "$mirror" ] || { echo "debian.sh: apt has no lists yet: \`apt-get update\`" >&2; exit 1; }
rm -rf "$root"
mkdir -p "$root" "$at/sources" "$at/lists/partial" "$at/cache/archives/partial"
: >"$at/status"
cat >"$at/sources/debian.sources" <<END
Types: deb
URIs: $mirror
Suites: $suite
Components: main
Architectures: riscv64
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END
apt() {
  apt-get -q -o APT::Architecture=riscv64 -o APT::Architectures=riscv64 \
    -o APT::Install-Recommends=false -o Dir::Etc::sourcelist=/dev/null \
    -o Dir::Etc::sourceparts="$at/sources" -o Dir::State::lists="$at/lists" \
    -o Dir::State::status="$at/status" -o Dir::Cache="$at/cache" -o Debug::NoLocking=1 "$@"
}
apt update
apt install -y --download-only "$@"
apt install -y --simulate "$@" |
  sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*\[\([a-z0-9]*\)\]).*/\1_\2_\3.deb/p' | sed 's/:/%3a/' |
  while read -r deb; do dpkg-deb -x "$at/cache/archives/$deb" "$root"; done
(cd "$root/usr/share" && rm -rf doc man locale info lintian bug)

# ---- Copying ----
# The files of one directory at a time, then links, which may hang in the air.
cd "$root"
[ -e etc/passwd ] || echo 'root:x:0:0:root:/:/sh' >etc/passwd
[ -e etc/group ] || echo 'root:x:0:' >etc/group
[ -e lib ] || ln -s usr/lib lib
ln -sf ../proc/self/mounts etc/mtab
find . -type d | while read -r d; do
  find "$d" -maxdepth 1 -type f -print0 | image=$image to=${d#.}/ xargs -0 -r \
    sh -c '"$0" -p "$image" "$@" "$to"' "$fsput"
done
find . -type l | while read -r l; do
  "$fsput" -p -s "$(readlink "$l")" "$image" "${l#.}" 2>/dev/null || echo "${l#.} is there already"
done
# Where /lib is no link, because tools/put.sh was there, it gets what programs name.
"$fsput" "$image" usr/lib/ld-linux-* /lib/ 2>/dev/null || :
