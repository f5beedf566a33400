#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What `make help` prints.
cat <<'END'
make [TARGET] [VARIABLE=value ...]

  all               build the kernel, the programs and the host tools (the default)
  qemu              boot to a shell; leave with `poweroff` or Ctrl-a x
                      CPUS MEM SWAP APPEND DEBUG KASAN UBSAN
  qemu-gdb          the same, halted and waiting for a debugger
                      CPUS MEM SWAP APPEND DEBUG KASAN UBSAN
  gdb               a debugger connected to it, with quire's helpers
  print-gdbport     the TCP port on which it waits
  qemu-record       run at one hart and write down what comes from outside
                      MEM SWAP APPEND
  qemu-replay       the same run again; BACK=1: waits for `make gdb`, which can then go
                    backwards too: reverse-continue, reverse-stepi
                      BACK
  test              unit tests, then boot tests; last line `N passed, N failed`
                      ARGS (`make test ARGS="-k cow"`: only tests named so; ARGS=-v: names)
  test-long         the same, at more machine sizes and for longer
                      ARGS
  usertests         run usertests in the guest, on a private image
                      CPUS MEM APPEND DEBUG KASAN UBSAN
                      ARGS (`ARGS=-q`, or the names of tests)
  bench             what operations cost, beside Linux and xv6; see docs/bench.md
                      ROWS WALL PROFILE ACCEPT EXEC (`make bench ROWS="stat brk_grow"`)
                      SWAP=1: with a region larger than memory; PROFILE ACCEPT
                      DISK=1: files on a virtio disk, beside ext4; PROFILE
  bench-check       fails if a row is over 2 % above its accepted figure
                      ROWS
  policy            page replacement on the host: fault tables, plots; see docs/policies.md
                      REFS FRAMES POLICY TRACE MEMORY FAULT WRITE TICK BATCH WINDOW
                      PRIORITY MINIMUM PLOT
                      (`make policy REFS="7 0 1 2 0 3 0 4" FRAMES=3`, or FRAMES=1-6 PLOT=plots)
  trace             run a program and write its memory references down for `policy`
                      RUN TRACE KEEP (`make trace RUN="sort README.md"`: build/trace.txt)
  tlb               run a program under modelled TLBs: hit rates, walks, effective access
                    time, with small pages and large
                      RUN (`make tlb RUN="sort README.md"`)
  viz               run a program and draw what memory did meanwhile: build/viz.html, for any
                    browser; see docs/viz.md
                      RUN MEM SWAP CPUS (`make viz RUN="sort README.md" MEM=16M`)
                      CORE=FILE: of a dump or core of a machine that is gone; KERNEL
  migrate-demo      two machines side by side, and a process that moves from one to the other
                    while it runs; see docs/migration.md
                      CPUS MEM
  thrash            plot throughput by the number of programs that need memory, with load
                    control and without: build/plots/thrash.png
                      HOGS SECONDS PLOT
  lab               cut a lab out of the sources, to be handed out; see docs/labs.md
                      LAB OUT BASE (`make lab LAB=cow OUT=../cow`; LAB: pgtbl buddy slab
                      lazy cow mmap swap policy; BASE=DIR: from a student's own tree)
  grade             run a lab's tests on this tree, or on all that was handed in
                      LAB SUBMISSIONS ARGS (`make grade LAB=cow SUBMISSIONS=handed-in`;
                      ARGS=--help)
  lint              line counts, lengths of functions and files, headers
  fs-reset          make the disk image anew: THE FILES IN IT ARE LOST
                      DISK
  compile_commands.json   for clangd and other editors' helpers
  doctor            one line a tool: its version, or the command that installs it
  clean             remove what was built, but keep the disk image
  help              this text

  tools/put.sh FILE...    copy programs of your own, made by the stock cross compiler,
                    into the disk image with the shared libraries they need
  tools/debian.sh PACKAGE...  packages of Debian for riscv64, with what they depend on

  tools/ptcalc      what page tables of any shape cost: entries, bytes, accesses (--help)

  tools/trace2json  what the command `trace` showed, for Perfetto (--help; docs/trace.md)

  CPUS=3            harts, 1 to 64
  MEM=128M          memory as QEMU takes it; at least 5M
  SWAP=64M          size of the swap disk; 0 for none
  DISK=256M         size of the disk image when it is made
  APPEND=           settings for the kernel, such as `init=/sh quiet panic=exit`
  DEBUG=            1: a kernel that checks the order of locks, fences, freed memory
  KASAN=            1: a kernel that checks the address of every load and store
  UBSAN=            1: a kernel that checks every operation C leaves undefined
                    (each combination is a kernel of its own: build/debug-kasan/kernel.elf)
  TOOLPREFIX=       of the cross compiler; found by itself when empty
  V=                1: show the commands
  CI=               set: warnings are errors
END
