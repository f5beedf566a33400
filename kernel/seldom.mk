# SPDX-License-Identifier: MIT
#
# The kernel's sources that are compiled for size (-Os): what no program waits for often.

SELDOM := kernel/trace/% kernel/checkpoint/% fs/proc% $(patsubst %,arch/riscv/%.c,explain unwind \
	fdt discover kmap) $(patsubst %,kernel/%.c,panic main oom virtio_mmio bootargs futex \
	sigdeliver sys_xattr sys_mount sys_swap sys_copy sys_advise sys_misc tty tty_line job \
	itimer virtio_console timerfd sys_time sys_sched sys_id sys_sigwait sys_lock sys_process \
	sys_signal sigaction sigpending signal stop chardev nameless poll sys_poll ksym args \
	format) $(patsubst %,mm/%.c,check swap oom remap vmap redzone collapse load reaper ring \
	local range fault_wait lineage) $(patsubst %,fs/%.c,mount epoll eventfd filelock tmpfs \
	tmpfs_options devfs copy clone rename flusher sync fs_pos tmpfs_dir attr qfs_recover \
	qfs_super qfs_move qfs_cut qfs_journal qfs_balloc)
