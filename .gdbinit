# SPDX-License-Identifier: MIT
#
# For `make gdb`.  Connects to what `make qemu-gdb` started, or to $quire_target
# if that is set before; then `help quire` lists the helpers.
set confirm off
set pagination off
set print pretty on
set architecture riscv:rv64
set disassemble-next-line auto
file build/kernel.elf
source tools/debugger/main.py
quire-connect
