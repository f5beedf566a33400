# SPDX-License-Identifier: MIT
#
# Running backwards: record a run at one hart, have it again, debug it in both directions.

RECORD := $B/record

qemu-record: machine $(KERNEL) image | tools-record
	@echo '# Leave with `poweroff`; then `make qemu-replay`, or with BACK=1 and then `make gdb`.'
	$(if $(V),,@)QEMU=$(QEMU) tools/record.sh record $(RECORD) $(KERNEL) $(MEM) \
		'$(strip $(APPEND))' $(FS) $(if $(filter-out 0 0M 0G 0K,$(SWAP)),$B/swap.img)

qemu-replay: | tools-record
	$(if $(V),,@)QEMU=$(QEMU) tools/record.sh replay $(RECORD) \
		$(if $(BACK),-S -gdb tcp:127.0.0.1:`tools/gdbport.py --free $B/gdbport`)

.PHONY: qemu-record qemu-replay
