# SPDX-License-Identifier: MIT
#
# Memory in pictures: docs/viz.md.  Unless told, the machine is so small that every frame
# can be seen, and what runs is too large for it.

VIZ_MEM := $(if $(filter file,$(origin MEM)),16M,$(MEM))

ifdef CORE
viz: | tools-gdb
	@tools/viz/from_core.sh '$(CORE)' $(KERNEL) $B/viz.txt '$(GDB)'
	@tools/viz/page.py $B/viz.txt $B/viz.html
else
viz: $(KERNEL) image | tools-test
	@tools/machine.sh '$(CPUS)' '$(VIZ_MEM)' '$(SWAP)' $B/swap.img
	@tools/viz/capture.py $B/viz.txt $(KERNEL) $(FS) '$(CPUS)' '$(VIZ_MEM)' \
		'$(if $(filter-out 0 0M 0G 0K,$(SWAP)),$B/swap.img)' "$${RUN:-thrash -p zipf -l 60 -f 3 6}"
	@tools/viz/page.py $B/viz.txt $B/viz.html
endif

test-long: | tools-long           # the page is tried in a browser

.PHONY: viz
