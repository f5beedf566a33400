# SPDX-License-Identifier: MIT
#
# The laboratory of page replacement: docs/policies.md.

SETTINGS := REFS TRACE FRAMES POLICY MEMORY FAULT WRITE TICK BATCH WINDOW PRIORITY MINIMUM PLOT
SIM := $B/tools/policy/sim

$(SIM): $(patsubst %,$B/host/%.o,$(wildcard tools/policy/*.c mm/policy/*.c))
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(HOSTCC) $(HFLAGS) -o $@ $^

$(foreach v,$(SETTINGS),$(eval policy: export $v ?=))
policy: $(SIM) | tools-build $(if $(PLOT),tools-plot)
	@$(PYTHON) tools/policy/policy.py

# Of the program RUN, in quire.
trace: $(KERNEL) image $B/tools/trace.so | tools-qemu
	@tools/policy/capture.py '$(or $(TRACE),$B/trace.txt)' '$(or $(KEEP),1)' $(FS) "$$RUN"

# The same with modelled TLBs.
tlb: $(KERNEL) image $B/tools/tlb.so | tools-qemu
	@tools/policy/tlb.py $B/tlb.txt $(FS) "$$RUN"

$B/tools/trace.so $B/tools/tlb.so: tools/references.h
$B/tools/trace.so $B/tools/tlb.so $B/tools/profile.so: tools/qemu_plugin.h

# Throughput by the number of HOGS, with load control and without.
thrash: $(KERNEL) $B/test/fs.img | tools-test tools-plot
	@tools/policy/thrash.py '$(or $(PLOT),$B/plots)/thrash.png' '$(or $(HOGS),6)' '$(or $(SECONDS),5)'

test test-long: $(SIM) $B/tools/trace.so $B/tools/tlb.so

.PHONY: policy trace tlb thrash
