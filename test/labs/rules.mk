# SPDX-License-Identifier: MIT
#
# Labs: cutting them out of the sources, and grading them; see docs/labs.md.

LAB ?= $(if $(wildcard test/labs/LAB),$(shell cat test/labs/LAB))

LPROGS := $(patsubst test/labs/probe/%.c,$B/labs/%,$(wildcard test/labs/probe/*.c))

$(LPROGS:%=%.o) $B/labs/stop.o: $B/labs/%.o: $(wildcard test/labs/probe/*) $B/user.flags
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(UFLAGS) -I. -c -o $@ $(firstword $(wildcard $(@F:%.o=test/labs/probe/%.[cS])))

$(LPROGS): %: %.o $B/labs/stop.o $B/user/ulib.a user/user.ld
	$(call say,LD,$@)$(CC) $(UFLAGS) $(ULINK) -o $@.elf $< $B/labs/stop.o $B/user/ulib.a && \
	$(CROSS)strip -o $@ $@.elf

$B/labs/fs.img: $(LPROGS) $(addprefix $B/user/,init mkswap) $(TOOLS)
	$(call say,IMAGE,$@)rm -f $@ && $B/mkfs/mkfs -H 1 $@ 16M && $B/mkfs/fsput -d $@ /dev /proc /tmp && \
	$B/mkfs/fsput $@ $(LPROGS) $(addprefix $B/user/,init mkswap) /

# LAB=cow OUT=dir [BASE=official|DIR]
lab: | tools-lab
	@$(PYTHON) test/labs/cut.py '$(LAB)' '$(OUT)' $(BASE:%=--base %)

# LAB=cow [SUBMISSIONS=dir-or-archives]
grade: $(KERNEL) $B/labs/fs.img | tools-lab
	@$(PYTHON) test/grade/grade.py '$(LAB)' $(SUBMISSIONS) $(ARGS)

.PHONY: lab grade
