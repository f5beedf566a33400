# SPDX-License-Identifier: MIT
#
# The benchmark, and the plugin of QEMU that counts for it.

$B/test/bench/fs.img: $(BENCH) $B/user/init $(TOOLS)
	$(call say,IMAGE,$@)rm -f $@ && $B/mkfs/mkfs -H 1 $@ 16M && $B/mkfs/fsput -d $@ /dev /proc && \
	$B/mkfs/fsput $@ $(BENCH) $B/user/init /

$B/tools/%.so: tools/%.c
	@mkdir -p $(@D)
	$(call say,HOST,$<)$(HOSTCC) -std=gnu11 -O2 $(WARN) -I. -shared -fPIC -o $@ $<

# SWAP=1: the rows that need swap.  A check of everything checks these too.  DISK=1: those
# about files on a virtio disk.
bench bench-check: $(KERNEL) $(PROGS) $B/test/bench/fs.img $B/tools/profile.so | tools-qemu
	@test/bench/$(if $(filter 1,$(SWAP)),swap,bench).py --cross '$(CROSS)' $(if $(filter bench,$@), \
		$(if $(filter 1,$(DISK)),--disk) $(if $(ACCEPT),--accept) $(if $(WALL),--wall) $(PROFILE:%=--profile %) $(EXEC:%=--exec %), \
		--check $(if $(ROWS)$(filter 1,$(SWAP)),,&& test/bench/swap.py --check)) $(ROWS)
