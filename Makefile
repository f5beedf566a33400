# SPDX-License-Identifier: MIT
#
# quire.  `make help` lists the targets and variables; every product goes to build/.

CPUS  ?= 3
MEM   ?= 128M
SWAP  ?= 64M
DISK  ?= 256M
# And DEBUG=1 KASAN=1 UBSAN=1 APPEND=... TOOLPREFIX=...

B := build
# Kernels with checks have objects and an image of their own: build/debug-kasan, ...
CHECKS := $(strip $(foreach c,DEBUG KASAN UBSAN,$(if $($c),$c)))
K := $B$(if $(CHECKS),/$(shell echo $(CHECKS) | tr 'A-Z ' 'a-z-'))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR .SECONDARY:
MAKEFLAGS += --no-builtin-rules --no-print-directory

# ---- Tools ----
#
# Looked for when a recipe first needs them, not when this file is read: on a
# fresh machine the `tools-*` targets may have installed them a moment before.
once = $(eval $1 := $(shell $2))$($1)
CROSS  = $(call once,CROSS,tools/setup.sh prefix $(TOOLPREFIX))
CC     = $(CROSS)gcc
HOSTCC ?= cc
QEMU   ?= qemu-system-riscv64
PYTHON ?= /usr/bin/python3
GDB     = $(call once,GDB,tools/setup.sh gdb $(TOOLPREFIX))

# ---- Flags ----
WERROR := $(if $(CI),-Werror)
WARN   := -Wall -Wextra -Wno-unused-parameter $(WERROR)

CHECK_KASAN := -fsanitize=kernel-address -fasan-shadow-offset=0xdffffff000000000 \
	--param asan-instrumentation-with-call-threshold=0 --param asan-stack=1 --param asan-globals=1
CHECK_UBSAN := -fsanitize=undefined -fno-sanitize-recover=undefined

KFLAGS := -std=gnu11 -O2 -g $(WARN) -I. -Iarch/riscv \
	-march=rv64imac_zicsr_zifencei -mabi=lp64 -mcmodel=medany -malign-data=natural \
	-msmall-data-limit=128 -ffreestanding -fno-pie -no-pie -fomit-frame-pointer \
	-fno-strict-aliasing -fno-common -fno-stack-protector \
	$(CHECKS:%=-D%=1) $(foreach c,$(CHECKS),$(CHECK_$c))
KLINK  := -nostdlib -static -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack \
	$(if $(CHECKS),@kernel/debug/link)

UFLAGS := -std=gnu11 -O2 -g -Wall -Wno-main -Wno-infinite-recursion $(WERROR) -Iuser/include \
	-march=rv64gc -mabi=lp64d -mcmodel=medany \
	-ffreestanding -fno-pie -no-pie -fno-omit-frame-pointer -fno-common -fno-stack-protector
ULINK  := $(KLINK) -T user/user.ld

# Host tools and unit tests contain kernel sources.  mkfs/host and test/unit/host
# come first on their paths, with headers that take the place of the kernel's.
HFLAGS := -std=gnu11 -O2 -g $(WARN) -fno-strict-aliasing -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 \
	-Imkfs/host -I. -Iarch/riscv
TFLAGS := -std=gnu11 -O1 -g $(WARN) -fno-strict-aliasing -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined -fno-omit-frame-pointer -fPIC -Itest/unit/host -I. -Iarch/riscv

# $(call say,VERB,file): one short line a step, or with V=1 the command itself.
say = $(if $(V),,@printf '  %-5s %s\n' '$1' '$2';)

# ---- What there is ----
CHECKERS_DEBUG := kernel/debug/free_frame.c kernel/debug/lock_order.c kernel/debug/fence_ledger.c
CHECKERS_KASAN := kernel/debug/kasan.c kernel/debug/free_frame.c
CHECKERS_UBSAN := kernel/debug/ubsan.c
KSRC  := $(wildcard arch/riscv/*.S arch/riscv/*.c kernel/*.c mm/*.c mm/policy/*.c fs/*.c \
	kernel/trace/*.c kernel/checkpoint/*.c) \
	$(sort $(foreach c,$(CHECKS),$(CHECKERS_$c) $(patsubst %,kernel/debug/%.c,plant wild user_copy)))
KOBJ  := $(KSRC:%=$K/%.o)
LIBSRC := $(wildcard user/lib/*.S user/lib/*.c)
CHECKSRC := $(wildcard mkfs/fsck/*.c)
LIBOBJ := $(LIBSRC:%=$B/%.o) $(CHECKSRC:%=$B/guest/%.o)
USRC  := $(wildcard user/*.c)
PROGS := $(USRC:user/%.c=$B/user/%)
TSRC  := $(wildcard test/boot/programs/*.c)
TPROGS := $(TSRC:%.c=$B/%)
BSRC  := $(wildcard test/bench/*.S test/bench/*.c)
BENCH := $B/test/bench/bench
TOOLSRC := $(wildcard $(patsubst %,mkfs/%.c,mkfs fsls fsput fsget fsck))
TOOLS := $(TOOLSRC:%.c=$B/%)
HOSTSRC := $(filter-out $(TOOLSRC),$(wildcard mkfs/*.c)) $(wildcard fs/qfs_*.c) \
	fs/inode.c fs/clone.c fs/hash.c kernel/block.c mm/radix.c
UNITSRC := $(wildcard test/unit/host/*.c mm/*.c mm/policy/*.c fs/qfs_*.c) $(CHECKSRC) \
	$(patsubst %,arch/riscv/%.c,pmap share large tlb kmap) $(patsubst %,fs/%.c,inode attr hash clone) \
	$(patsubst %,kernel/%.c,lock wait failnth block) mkfs/format.c mkfs/vfs.c
UNIT  := $(patsubst %.c,$B/%,$(wildcard test/unit/test_*.c))
FS    := $B/fs.img
KERNEL := $K/kernel.elf

# ---- The kernel ----
all: $(KERNEL) $(PROGS) $(TOOLS)

# Rewritten only when the compiler or a flag changes: then everything is stale.
$B/%.flags: FORCE | tools-build
	@mkdir -p $(@D)
	@echo '$(flags_of_$(*F))' | cmp -s - $@ || echo '$(flags_of_$(*F))' > $@
flags_of_kernel = $(CC) $(KFLAGS) $(KLINK) $(SELDOM)
flags_of_user   = $(CC) $(UFLAGS) $(ULINK)
flags_of_host   = $(HOSTCC) $(HFLAGS)
flags_of_unit   = $(HOSTCC) $(TFLAGS)

# What reports errors must not stumble over one.
$(patsubst %,$K/%.c.o,arch/riscv/explain arch/riscv/unwind $(addprefix kernel/debug/,kasan \
	ubsan wild)): NOT_HERE := $(CHECK_KASAN) $(CHECK_UBSAN)
include kernel/seldom.mk
$(patsubst %,$K/%.o,$(filter $(SELDOM),$(KSRC))): SMALL := -Os -fno-optimize-sibling-calls
$(KOBJ): $K/%.o: % $K/kernel.flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(filter-out $(NOT_HERE),$(KFLAGS)) $(SMALL) -MMD -MP -c -o $@ $<

# Linked twice: the first image tells where its functions are, the second carries
# that as a table behind the text, so that the addresses stay true.
KLINKED = $(CC) $(KFLAGS) $(KLINK) -Wl,-T,arch/riscv/kernel.ld
$(KERNEL): $(KOBJ) arch/riscv/kernel.ld tools/ksyms.py
	$(call say,LD,$@)$(KLINKED) -o $K/kernel.first.elf $(KOBJ) && \
	tools/ksyms.py '$(CROSS)' $K/kernel.first.elf > $K/ksyms.S && \
	$(KLINKED) -o $@ $(KOBJ) $K/ksyms.S

# ---- User programs: a new user/x.c builds by being there ----
$(patsubst %,$B/%.o,$(LIBSRC) $(USRC) $(TSRC) $(BSRC)): $B/%.o: % $B/user.flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(UFLAGS) -MMD -MP -c -o $@ $<

# The check of file systems is the host's.
$(CHECKSRC:%=$B/guest/%.o): $B/guest/%.o: % $B/user.flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(subst -Iuser/include,-I. -Iarch/riscv,$(UFLAGS)) -MMD -MP -c -o $@ $<

$B/user/ulib.a: $(LIBOBJ)
	$(call say,AR,$@)rm -f $@ && $(CROSS)ar rcs $@ $^

# x is what goes to the disk, x.elf has what gdb wants to know besides.
$(PROGS) $(TPROGS): %: %.c.o $B/user/ulib.a user/user.ld
	$(call say,LD,$@)$(CC) $(UFLAGS) $(ULINK) -o $@.elf $< $B/user/ulib.a && \
	$(CROSS)strip -o $@ $@.elf

$(BENCH): $(BSRC:%=$B/%.o) $B/user/ulib.a user/user.ld
	$(call say,LD,$@)$(CC) $(UFLAGS) $(ULINK) -o $@ $(filter %.o,$^) $B/user/ulib.a

# ---- Host tools and disk images ----
$B/host/%.o: % $B/host.flags
	@mkdir -p $(@D)
	$(call say,HOST,$<)$(HOSTCC) $(HFLAGS) -MMD -MP -c -o $@ $<

$B/mkfs/fsck: $(CHECKSRC:%=$B/host/%.o)
$(TOOLS): $B/%: $B/host/%.c.o $(HOSTSRC:%=$B/host/%.o)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(HOSTCC) $(HFLAGS) -o $@ $^

# The user's image is made once; from then on only newer programs are copied in.
# The stamp, not the image, tells what is newer: the guest writes to the image.
image: $(FS).stamp
$(FS).stamp: $(PROGS) README.md $(if $(wildcard $(FS)),,FORCE) | $(TOOLS)
	$(call say,IMAGE,$(FS))tools/image.sh $(FS) $(DISK) \
		$(filter-out FORCE,$(if $(wildcard $(FS)),$?,$^))
	@touch $@

fs-reset:
	rm -f $(FS) $(FS).stamp
	@$(MAKE) image

# Tests start from a fresh image of their own, never from the user's.
$B/test/fs.img: $(PROGS) $(TPROGS) $(BENCH) README.md $(TOOLS)
	$(call say,IMAGE,$@)rm -f $@ && tools/image.sh $@ $(DISK) $(filter-out $(TOOLS),$^)

# ---- Running ----
disk = -drive file=$2,if=none,format=raw,id=x$1 \
	-device virtio-blk-device,drive=x$1,bus=virtio-mmio-bus.$1
QEMUOPTS = -M virt -smp $(CPUS) -m $(MEM) -nographic -bios default -no-reboot \
	-global virtio-mmio.force-legacy=false -kernel $(KERNEL) -append "$(strip $(APPEND))" \
	$(call disk,0,$(FS)) $(if $(filter-out 0 0M 0G 0K,$(SWAP)),$(call disk,1,$B/swap.img))

machine: | tools-qemu
	@tools/machine.sh '$(CPUS)' '$(MEM)' '$(SWAP)' $B/swap.img

qemu: machine $(KERNEL) image
	@echo '# Leave with `poweroff`, or at once with Ctrl-a x.'
	$(if $(V),,@)$(QEMU) $(QEMUOPTS)

qemu-gdb: machine $(KERNEL) image
	@echo "# Waiting for the debugger: run \`make gdb\` in another window.  Leave with Ctrl-a x."
	$(if $(V),,@)$(QEMU) $(QEMUOPTS) -S \
		-gdb tcp:127.0.0.1:`tools/gdbport.py --free $B/gdbport`

gdb: $(KERNEL) | tools-gdb
	$(GDB) -q -nx -x .gdbinit $(if $(CHECKS),-ex 'file $(KERNEL)')

print-gdbport:
	@mkdir -p $B && tools/gdbport.py $B/gdbport

# ---- Tests ----
$B/unit/%.o: % $B/unit.flags
	@mkdir -p $(@D)
	$(call say,UNIT,$<)$(HOSTCC) $(TFLAGS) -MMD -MP -c -o $@ $<

$(UNIT): $B/%: $B/unit/%.c.o $(UNITSRC:%=$B/unit/%.o) test/unit/host/link
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(HOSTCC) $(TFLAGS) -o $@ $(filter %.o,$^) @test/unit/host/link \
		-lcmocka -lpthread

unit: $(UNIT)
test test-long: $(KERNEL) $(UNIT) $(patsubst %,$B/%/fs.img,test test/bench labs) \
		$B/tools/profile.so | tools-test
	@$(PYTHON) test/run.py --cross '$(CROSS)' $(if $(filter test-long,$@),--long) $(ARGS)

usertests: machine $(KERNEL) $B/test/fs.img | tools-test
	@$(PYTHON) test/boot/console.py --cpus $(CPUS) --mem $(MEM) --append '$(APPEND)' \
		--kernel $(KERNEL) usertests $(ARGS)

include test/bench/rules.mk tools/policy/rules.mk tools/debugger/rules.mk
include test/labs/rules.mk tools/viz/rules.mk tools/migrate/rules.mk

lint: | tools-build
	@tools/lint

# ---- Setting up, cleaning up, help ----
SETS := build qemu record test long gdb plot lab
$(addprefix tools-,$(SETS)):
	@tools/setup.sh install $(@:tools-%=%) $(TOOLPREFIX)

doctor:
	@tools/setup.sh doctor $(TOOLPREFIX)

compile_commands.json: | tools-build
	@tools/compile-commands.py $@ kernel '$(CC) $(KFLAGS)' $(KSRC) \
		user '$(CC) $(UFLAGS)' $(LIBSRC) $(USRC) $(TSRC) $(BSRC) \
		host '$(HOSTCC) $(HFLAGS)' $(wildcard mkfs/*.c) $(CHECKSRC) \
		unit '$(HOSTCC) $(TFLAGS)' $(wildcard test/unit/*.c test/unit/host/*.c)

# Keeps the user's disk image.
clean:
	@mkdir -p $B && find $B -mindepth 1 -depth ! -path $(FS) -delete
	rm -f compile_commands.json

help:
	@tools/help.sh

FORCE:
.PHONY: all image fs-reset machine qemu qemu-gdb gdb print-gdbport unit test test-long usertests \
	bench bench-check lint doctor compile_commands.json clean help FORCE $(addprefix tools-,$(SETS))

-include $(shell find $B -name upstream -prune -o -name '*.d' -print 2>/dev/null)
