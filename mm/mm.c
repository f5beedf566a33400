// SPDX-License-Identifier: MIT
//
// The event counters of mm/: one array a hart, summed when read.

#include "kernel/task.h"
#include "mm/space.h"

_Static_assert(VM_EVENTS <= sizeof boot_hart.events / sizeof boot_hart.events[0], "hart.events");

static const char *const event_names[VM_EVENTS] = {
  [VM_FAULT] = "pgfault", [VM_MAJOR] = "pgmajfault", [VM_ZERO_FILL] = "quire_zero_fill",
  [VM_ZERO_MAP] = "quire_zero_map", [VM_FILE_MAP] = "quire_file_map",
  [VM_COW_COPY] = "quire_cow_copy", [VM_COW_REUSE] = "quire_cow_reuse",
  [VM_SPURIOUS] = "quire_spurious", [VM_FILE_READ] = "quire_file_read",
  [VM_FILE_WRITE] = "quire_file_write", [VM_OOM_KILL] = "oom_kill",
  [VM_SHOOTDOWN] = "nr_tlb_remote_flush", [VM_SWAP_IN] = "pswpin", [VM_SWAP_OUT] = "pswpout",
  [VM_SWAP_READ] = "quire_swap_read", [VM_SWAP_WRITE] = "quire_swap_write",
  [VM_SWAP_MAP] = "quire_swap_map", [VM_SWAP_AHEAD_HIT] = "swap_ra_hit",
  [VM_SCAN] = "pgscan_kswapd", [VM_STEAL] = "pgsteal_kswapd",
  [VM_VICTIM_CLEAN] = "quire_victim_clean", [VM_VICTIM_DIRTY] = "quire_victim_dirty",
  [VM_RESCUE] = "quire_rescue", [VM_VISIT] = "quire_rmap_visit", [VM_DRAIN] = "quire_drain",
  [VM_WRITE_AHEAD] = "quire_write_ahead", [VM_UNDIRTIED] = "quire_undirtied",
  [VM_WRITTEN] = "nr_written", [VM_JOIN] = "quire_large_page", [VM_SPLIT] = "thp_split_pmd",
  [VM_WAITS] = "quire_wait_memory", "quire_wait_file", "quire_wait_place", "quire_wait_swap",
  "quire_wait_busy",
  [VM_WAITED] = "quire_wait_memory_ns", "quire_wait_file_ns", "quire_wait_place_ns",
  "quire_wait_swap_ns", "quire_wait_busy_ns",
  [VM_TIMED] = "quire_zero_fill_timed", "quire_zero_map_timed", "quire_file_map_timed",
  "quire_cow_copy_timed", "quire_cow_reuse_timed", "quire_spurious_timed", "quire_swap_map_timed",
  [VM_TIMED_NS] = "quire_zero_fill_timed_ns", "quire_zero_map_timed_ns",
  "quire_file_map_timed_ns", "quire_cow_copy_timed_ns", "quire_cow_reuse_timed_ns",
  "quire_spurious_timed_ns", "quire_swap_map_timed_ns",
};

u64
vm_counter(enum vm_event e)
{
  u64 n = 0;
  for(u32 i = 0; i < nharts; i++)
    n += atomic_load(&harts[i].events[e]);
  for(u32 kind = VM_ZERO_FILL; e == VM_FAULT && kind < VM_ZERO_FILL + VM_KINDS; kind++)
    n += vm_counter(kind);
  return n;
}

const char *
vm_event_name(enum vm_event e)
{
  return event_names[e];
}
