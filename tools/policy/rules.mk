# SPDX-License-Identifier: MIT
#
# The laboratory of page replacement: docs/policies.md.

LAB := REFS TRACE FRAMES POLICY MEMORY FAULT WRITE TICK BATCH WINDOW PRIORITY MINIMUM PLOT
SIM := $B/tools/policy/sim

$(SIM): $(patsubst %,$B/host/%.o,$(wildcard tools/policy/*.c mm/policy/*.c))
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(HOSTCC) $(HFLAGS) -o $@ $^

$(foreach v,$(LAB),$(eval policy: export $v ?=))
policy: $(SIM) | tools-build $(if $(PLOT),tools-plot)
	@$(PYTHON) tools/policy/policy.py

test test-long: $(SIM)

.PHONY: policy
