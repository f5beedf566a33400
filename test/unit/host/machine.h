// SPDX-License-Identifier: MIT
//
// <machine.h> of the host: the real one, with what is RISC-V replaced.
//
// The unit tests run the real sources of mm/ and the page-table code on the
// host.  Each test_*.c is one program:
//
//   cc -std=gnu11 -O1 -g -Wall -Wextra -Wno-unused-parameter -fno-strict-aliasing
//      -fsanitize=address,undefined -fno-sanitize-recover=undefined
//      -fno-omit-frame-pointer -fPIC -Itest/unit/host -I. -Iarch/riscv
//      -o build/test/unit/test_X test/unit/test_X.c test/unit/host/*.c mm/*.c
//      arch/riscv/pmap.c arch/riscv/tlb.c arch/riscv/kmap.c kernel/lock.c kernel/wait.c
//      @test/unit/host/link -lcmocka -lpthread
//
// -fPIC: the linker's symbols of the kernel image are absolute addresses that no
// host program can reach directly.  `link` names the functions whose calls go
// through the host layer first (inject.c, order.c).

#pragma once

#define intr_save riscv_intr_save
#define intr_restore riscv_intr_restore
#define intr_enabled riscv_intr_enabled
#define machine_time_ns riscv_machine_time_ns
#define machine_point riscv_machine_point
#include "../../../arch/riscv/machine.h"
#undef intr_save
#undef intr_restore
#undef intr_enabled
#undef machine_time_ns
#undef machine_point
#define machine_point(code, a, b) ((void)(a), (void)(b))

bool intr_save(void);
void intr_restore(bool were_on);
bool intr_enabled(void);
u64 machine_time_ns(void);

// The host's own start-up code has a symbol of that name.
#define __data_start image_data_start
