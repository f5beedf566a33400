#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Fetches the upstream source of a Debian package, checks it, and unpacks it.
#
#   fetch.sh PACKAGE VERSION SHA256 DIR
#
# The package comes from where this machine's packages come from; its lists of sources
# are kept in DIR, so nothing of the machine's own is changed.
set -eu

package=$1 version=$2 sum=$3
mkdir -p "$4"
cd "$4"
mkdir -p lists/partial cache/archives/partial sources
for f in /etc/apt/sources.list.d/*.sources; do
  [ -e "$f" ] && sed 's/^Types: .*/Types: deb-src/' "$f" >"sources/$(basename "$f")"
done
for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
  [ -e "$f" ] && sed -n 's/^deb /deb-src /p' "$f" >"sources/$(basename "$f" .list).list"
done
apt="apt-get -q -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts=$PWD/sources
     -o Dir::State::lists=$PWD/lists -o Dir::Cache=$PWD/cache"
$apt update
$apt source --download-only "$package"
tarball=$(ls "${package}_$version.orig.tar."* | grep -v '\.asc$')
echo "$sum  $tarball" | sha256sum -c
tar xf "$tarball"
