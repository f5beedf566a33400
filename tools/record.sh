#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Run a one-hart machine so that the same run can be had again, instruction by
# instruction, forwards and backwards.
#
#   record.sh record DIR KERNEL MEM APPEND DISK... [-- QEMU ARGUMENT...]
#                                              run, and write down what came from outside
#   record.sh replay DIR [QEMU ARGUMENT...]    the same run again
#
# DIR gets copies of the kernel and the disks, for they may change, and all that QEMU
# needs.  What a disk did is replayed by `blkreplay`; the snapshot that running backwards
# starts from lies in the first disk's overlay.  sstc=off: QEMU does not put that timer
# back with a snapshot.  `ticks`: QEMU delivers what a disk did only when the clock has
# something to do.
set -eu
QEMU=${QEMU:-qemu-system-riscv64}

case ${1:-} in
  record)
    dir=$2 kernel=$3 mem=$4 append=$5
    shift 5
    [ $# -gt 0 ] || { echo "record.sh: there must be a disk" >&2; exit 2; }
    rm -rf "$dir"
    mkdir -p "$dir"
    cp "$kernel" "$dir/kernel.elf"
    echo "$mem" > "$dir/mem"
    echo "ticks $append" > "$dir/append"
    n=0
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
      cp --sparse=always "$1" "$dir/disk$n.img"
      qemu-img create -q -f qcow2 -b "disk$n.img" -F raw "$dir/disk$n.qcow2"
      n=$((n + 1))
      shift
    done
    [ $# = 0 ] || shift
    mode=record
    ;;
  replay)
    dir=$2
    shift 2
    [ -e "$dir/events" ] || { echo "record.sh: nothing is recorded in $dir" >&2; exit 2; }
    mode=replay
    ;;
  *)
    sed -n '3,18s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac

cd "$dir"
n=0
for disk in disk*.qcow2; do
  set -- "$@" -drive "file=$disk,if=none,format=qcow2,id=disk$n" \
    -drive "driver=blkreplay,if=none,image=disk$n,id=x$n" \
    -device "virtio-blk-device,drive=x$n,bus=virtio-mmio-bus.$n"
  n=$((n + 1))
done
exec "$QEMU" -M virt -cpu rv64,sstc=off -smp 1 -m "$(cat mem)" -display none -monitor none \
  ${SERIAL:--serial stdio} -bios default -no-reboot -global virtio-mmio.force-legacy=false \
  -kernel kernel.elf -append "$(cat append)" \
  -icount "shift=0,rr=$mode,rrfile=events,rrsnapshot=start" "$@"
