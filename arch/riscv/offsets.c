// SPDX-License-Identifier: MIT
//
// Proof of offsets.h.  No code.

#include <trapframe.h>
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "mm/space.h"
#include "mm/vmap.h"
#include "csr.h"
#include "offsets.h"

#define at(type, field, n) _Static_assert(offsetof(struct type, field) == (n), #type "." #field)
#define task_at(field, n) at(task, field, n)
#define tf_at(field, n)   at(trapframe, field, n)

task_at(stack, TASK_STACK);
task_at(tf, TASK_TF);
task_at(hart, TASK_HART);
task_at(fetched, TASK_FETCHED);
task_at(resched, TASK_RESCHED);
task_at(notify, TASK_RESCHED + 4);
task_at(context, TASK_CONTEXT);
task_at(fp_used, TASK_FP_USED);
task_at(fp, TASK_FP);
task_at(space, TASK_SPACE);

at(hart, id, HART_ID);
at(hart, idle, HART_IDLE);

tf_at(task, TF_TASK);
tf_at(status, TF_STATUS);
tf_at(pc, TF_PC);
tf_at(ra, TF_RA);
tf_at(sp, TF_SP);
tf_at(gp, TF_GP);
tf_at(tp, TF_TP);
tf_at(t, TF_T(0));
tf_at(a, TF_A(0));
tf_at(s, TF_S(0));

_Static_assert(sizeof(struct trapframe) == TF_SIZE && TF_SIZE % 16 == 0, "trapframe size");
_Static_assert(NOTIFY_FRAME == 1UL << (NOTIFY_FRAME_BIT - 32), "NOTIFY_FRAME");
_Static_assert(KSTACK_SIZE == STACK_SIZE, "stack size");
_Static_assert(TRACE_SYS_ENTER == SYSCALL_EVENT, "event");
_Static_assert(CAUSE_ECALL_USER == TRAP_ECALL && CAUSE_FETCH_PAGE == TRAP_FETCH &&
               CAUSE_LOAD_PAGE == TRAP_LOAD && CAUSE_STORE_PAGE == TRAP_STORE, "causes");
_Static_assert(ACCESS_READ == ACCESS_OF_LOAD && ACCESS_WRITE == ACCESS_OF_STORE &&
               ACCESS_EXEC == ACCESS_OF_FETCH, "access");
