// SPDX-License-Identifier: MIT
//
// Boot: what is started in which order, on the boot hart, from the first C
// function to the first program.

#include <machine.h>
#include <pmap.h>
#include "kernel/debug/fence_ledger.h"
#include "kernel/debug/kasan.h"
#include "kernel/debug/plant.h"
#include "fs/vfs.h"
#include "kernel/alarm.h"
#include "kernel/block.h"
#include "kernel/bootargs.h"
#include "kernel/chardev.h"
#include "kernel/errno.h"
#include "kernel/clock.h"
#include "kernel/failnth.h"
#include "kernel/files.h"
#include "kernel/pipe.h"
#include "kernel/printk.h"
#include "kernel/random.h"
#include "kernel/string.h"
#include "kernel/task.h"
#include "kernel/tty.h"
#include "mm/frame.h"
#include "mm/reaper.h"
#include "mm/slab.h"
#include "mm/space.h"

void kmain(u32 boot_hart, pa_t fdt);     // entry.S

// Without a disk, a console or a program there is nothing to run; that breaks no
// invariant.
static void __attribute__((noreturn))
give_up(const char *what, const char *name, i64 err)
{
  printk("boot: cannot %s %s: error %ld\n", what, name, -err);
  if(bootarg_is("panic", "exit"))
    machine_poweroff(1);
  machine_halt();
}

static void
mount_root(void)
{
  static const char dev[] = "/dev/";
  char name[32];
  bootarg_copy("root", "vda", name, sizeof name);
  const char *device = name;
  if(strncmp(name, dev, sizeof dev - 1) == 0)
    device += sizeof dev - 1;
  struct super *root;
  int err = qfs_mount(device, &root);
  if(err == 0)
    err = vfs_mount(root, "/");
  if(err)
    give_up("mount the root file system from", device, err);
}

// The mount point is made if the disk has none.
static void
mount_at(const char *where, int (*make)(struct super **))
{
  struct super *s;
  int err = make(&s);
  if(err == 0){
    err = vfs_mount(s, where);
    if(err == -ENOENT && vfs_create(NULL, where, S_IFDIR | 0755, 0) == 0)
      err = vfs_mount(s, where);
  }
  if(err)
    give_up("mount", where, err);
}

static int
shm_mount(struct super **out)
{
  return tmpfs_mount(NULL, out);
}

// Descriptors 0, 1 and 2 of the first program.
static void
open_console(void)
{
  static const char console[] = "/dev/console";
  struct file *f;
  int err = vfs_open(NULL, console, O_RDWR, 0, &f);
  for(int fd = 0; err == 0 && fd <= 2; fd++){
    file_get(f);
    err = min(fd_install(f, 0, 0), 0);
  }
  if(err)
    give_up("open", console, err);
  file_put(f);
}

static void
start_init(void *unused)
{
  char path[128];
  bootarg_copy("init", "/init", path, sizeof path);
  plant();
  mount_root();
  mount_at("/dev", dev_mount);
  mount_at("/dev/shm", shm_mount);
  mount_at("/proc", proc_mount);
  open_console();
  const char *argv[] = { path, NULL };
  const char *envp[] = { "PATH=/:/bin", "HOME=/", "TERM=vt100", NULL };
  give_up("run", path, exec_kernel(path, argv, envp));
}

static void
start_memory(void)
{
  frame_init();
  pmap_boot();
  if(bootarg_is("slab_debug", ""))
    slab_debug = !KASAN_GAP;       // KASAN sees what it would see, and earlier
  slab_init();
}

static void
start_devices(void)
{
  machine_init();
  random_init();
  clock_init();
  vfs_init();
  pipe_init();
  nameless_init();
  memory_devices_init();
  tty_init();
  alarm_task_start();
  virtio_init();
  ramdisk_init();
}

void
kmain(u32 boot_hart, pa_t fdt)
{
  machine_discover(boot_hart, fdt);
  failnth_shared = bootarg_number("failnth", 0);   // of so many allocations, the last fails
  failnth_share();
  start_memory();
  printk_init();
  printk("quire: %u harts, %lu MiB of memory, %lu MiB free\n", machine.nharts,
         frames_total() * PAGE_SIZE / MiB, frames_free() * PAGE_SIZE / MiB);
  task_init();
  ledger_start();
  start_devices();
  machine_start_harts();
  reaper_start();
  if(init_task(start_init, NULL) == NULL)
    panic("no memory for the first task");
  hart_main();
}
