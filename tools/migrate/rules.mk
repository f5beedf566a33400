# SPDX-License-Identifier: MIT
#
# A process moves from one machine to another while one looks: docs/migration.md.

migrate-demo: $(KERNEL) $B/test/fs.img | tools-test
	@$(PYTHON) tools/migrate/demo.py '$(CPUS)' '$(MEM)'

.PHONY: migrate-demo
