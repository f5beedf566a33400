#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Finds the tools quire is built, run and tested with, and installs the missing
# ones with apt where it may.
#
#   setup.sh install SET [PREFIX]   SET: build, qemu, record, test, long, gdb, plot or lab
#   setup.sh doctor [PREFIX]        one line a tool: version, or how to get it
#   setup.sh prefix [PREFIX]        print the cross compiler's prefix
#   setup.sh gdb [PREFIX]           print a gdb that knows riscv64
set -u

prefix=
python=/usr/bin/python3

have() { command -v "$1" >/dev/null 2>&1; }

find_prefix() {
  for p in $1 riscv64-linux-gnu- riscv64-unknown-elf- riscv64-elf- riscv64-none-elf-; do
    if have "${p}gcc"; then echo "$p"; return; fi
  done
  return 1
}

find_gdb() {
  for g in gdb-multiarch "${prefix}gdb" riscv64-linux-gnu-gdb riscv64-unknown-elf-gdb; do
    if have "$g"; then echo "$g"; return; fi
  done
  return 1
}

find_opensbi() {
  qemu=$(command -v qemu-system-riscv64) || return 1
  for d in "$(dirname "$(dirname "$qemu")")" /usr /usr/local; do
    f=$d/share/qemu/opensbi-riscv64-generic-fw_dynamic.bin
    if [ -e "$f" ]; then echo "$f"; return; fi
  done
  return 1
}

has_headers() {
  for h in "$@"; do echo "#include <$h.h>"; done | cc -E - >/dev/null 2>&1
}

first_line() { "$@" 2>/dev/null | head -n 1; }

# probe TOOL: print what was found, or fail
probe() {
  case $1 in
    make) have make && first_line make --version ;;
    git) have git && git --version ;;
    cc) have cc && has_headers stdlib && first_line cc --version ;;
    cross) [ -n "$prefix" ] && first_line "${prefix}gcc" --version ;;
    python) [ -x "$python" ] && "$python" --version ;;
    qemu) have qemu-system-riscv64 && first_line qemu-system-riscv64 --version ;;
    opensbi) find_opensbi ;;
    img) first_line qemu-img --version | grep . ;;
    user) have qemu-riscv64 && first_line qemu-riscv64 --version ;;
    libc) [ -n "$prefix" ] && "${prefix}gcc" -print-file-name=libc.a | grep / ;;
    cmocka) have cc && has_headers stdarg stddef stdint setjmp cmocka && echo "cmocka.h" ;;
    pytest | pexpect | xdist | matplotlib)
      [ -x "$python" ] && "$python" -c "import $1; print('$1', $1.__version__)" 2>/dev/null ;;
    clang) [ -x "$python" ] && "$python" -c \
      "import clang.cindex as c; c.Index.create(); print('python3-clang')" 2>/dev/null ;;
    bwrap) first_line bwrap --version | grep . ;;
    chromium) { have chromium && first_line chromium --version; } ||
      { have chromium-browser && first_line chromium-browser --version; } ;;
    spin) have spin && first_line spin -V ;;
    parallel) first_line parallel --version | grep GNU ;;
    gdb) g=$(find_gdb) && first_line "$g" --version ;;
  esac
}

# package TOOL: the Debian package that has it
package() {
  case $1 in
    cc) echo gcc libc6-dev ;;
    cross) echo gcc-riscv64-linux-gnu ;;
    python) echo python3 ;;
    qemu) if apt-cache show qemu-system-riscv >/dev/null 2>&1; then echo qemu-system-riscv
          else echo qemu-system-misc; fi ;;
    img) echo qemu-utils ;;
    user) echo qemu-user ;;
    libc) echo libc6-dev-riscv64-cross ;;
    cmocka) echo libcmocka-dev ;;
    pytest) echo python3-pytest ;;
    pexpect) echo python3-pexpect ;;
    xdist) echo python3-pytest-xdist ;;
    matplotlib) echo python3-matplotlib ;;
    gdb) echo gdb-multiarch ;;
    clang) echo python3-clang ;;
    bwrap) echo bubblewrap ;;
    *) echo "$1" ;;
  esac
}

tools_of() {
  case $1 in
    build) echo cc cross python ;;
    qemu) echo cc cross python qemu opensbi ;;
    record) echo cc cross python qemu opensbi img ;;
    gdb) echo cc cross python gdb ;;
    plot) echo cc cross python matplotlib ;;
    lab) echo cc cross python qemu opensbi gdb clang bwrap ;;
    test) echo cc cross libc python qemu opensbi img user gdb cmocka pytest pexpect xdist spin \
      clang bwrap ;;
    long) echo "$(tools_of test) matplotlib chromium parallel" ;;
    *) echo "setup.sh: unknown set of tools: $1" >&2; exit 2 ;;
  esac
}

missing_of() {
  for t in $(tools_of "$1"); do probe "$t" >/dev/null || printf '%s ' "$t"; done
}

packages_of() { for t in "$@"; do package "$t"; done | tr '\n' ' '; }

# "" as root, "sudo" where that may work, else fails
become_root() {
  if [ "$(id -u)" = 0 ]; then return; fi
  have sudo || return 1
  if [ -t 0 ] || sudo -n true 2>/dev/null; then echo sudo; else return 1; fi
}

install() {
  missing=$(missing_of "$1")
  [ -n "$missing" ] || return 0
  if ! have apt-get; then
    echo "quire needs: $missing" >&2
    echo "There is no apt here; on Debian this would do:" >&2
    echo "  sudo apt-get install -y $(packages_of $missing)" >&2
    exit 1
  fi
  if ! sudo=$(become_root); then
    echo "quire needs: $missing. Install them with" >&2
    echo "  sudo apt-get install -y --no-install-recommends $(packages_of $missing)" >&2
    exit 1
  fi
  echo "# Missing: $missing. Refreshing the list of packages${sudo:+ with sudo} ..."
  $sudo apt-get update -q || echo "# (that failed; trying with the list there is)"
  packages=$(packages_of $missing)
  echo "# $sudo apt-get install -y --no-install-recommends $packages"
  if ! $sudo env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -q --no-install-recommends $packages; then
    echo "quire: apt-get could not install: $packages" >&2
    exit 1
  fi
  prefix=$(find_prefix "$prefix")
  missing=$(missing_of "$1")
  if [ -n "$missing" ]; then
    echo "quire: installed, yet not found: $missing (make doctor says more)" >&2
    exit 1
  fi
}

doctor() {
  status=0
  for t in make git $(tools_of long); do
    if v=$(probe "$t"); then
      printf 'ok       %-8s %s\n' "$t" "$v"
    else
      printf 'MISSING  %-8s sudo apt-get install -y --no-install-recommends %s\n' \
        "$t" "$(packages_of "$t")"
      status=1
    fi
  done
  [ -n "$prefix" ] && printf 'ok       %-8s %s\n' prefix "$prefix"
  return $status
}

command=${1:-}
set_name=build
if [ "$command" = install ]; then set_name=${2:?which set of tools?}; shift; fi
if [ -n "${2:-}" ] && ! have "${2}gcc"; then
  echo "quire: TOOLPREFIX=$2: there is no ${2}gcc" >&2
  exit 2
fi
prefix=$(find_prefix "${2:-}") || prefix=
case $command in
  install) install "$set_name" ;;
  doctor) doctor ;;
  prefix) echo "$prefix" ;;
  gdb) find_gdb ;;
  *) sed -n '3,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
