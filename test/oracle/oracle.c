// SPDX-License-Identifier: MIT
//
// The oracle's program: random steps with memory that is files, and what they show.
//
//   oracle [-ve] [-n SEEDS] [-s STEPS] [-j COPIES] [-k LIST] [-x KINDS] SEED
//
// Each seed, from SEED on, is a sequence of STEPS steps.  What they show becomes one
// line with a hash, or with -v all of it: offsets and contents, names of errors,
// signals, never an address.  It is the same on every correct Linux.  -k keeps some
// steps ("3,7-9"), for shrinking: a step depends on the seed and its own number alone.
// -x leaves out kinds of steps, named in the table below.  -j has COPIES processes
// share the seeds and run at the same time.

#include "world.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>

enum { MAX_DEPTH = 3, FIRST_MAPS = 6 };

// ---- Running ----

static int depth;                    // how many forks down
static int end;                      // of the steps that this process does now
static bool keep[MAX_STEPS];

static void do_fork(void);
static void do_race(void);

// Each kind of step; how often, of all weights.
static const struct { const char *name; int weight; void (*run)(void); } kinds[] = {
  { "mmap", 28, do_map }, { "odd", 4, do_odd }, { "munmap", 6, do_unmap },
  { "mprotect", 14, do_protect }, { "madvise", 10, do_advise }, { "mremap", 12, do_remap },
  { "msync", 3, do_msync }, { "mincore", 2, do_mincore }, { "mlock", 4, do_lock },
  { "load", 14, do_load }, { "store", 30, do_store }, { "call", 2, do_call },
  { "io", 24, do_io }, { "seek", 2, do_seek }, { "truncate", 10, do_truncate },
  { "fsync", 2, do_fsync }, { "name", 4, do_name }, { "fork", 10, do_fork },
  { "race", 2, do_race }, { "look", 3, look },
};
static bool left_out[COUNT(kinds)];

// The kind of step `now`; the first ones fill the arena.
static int
pick_kind(void)
{
  int k = 0, total = 0;
  for(int i = 0; i < COUNT(kinds); i++)
    total += kinds[i].weight;
  for(int w = roll(total); now >= FIRST_MAPS && w >= kinds[k].weight; k++)
    w -= kinds[k].weight;
  return k;
}

static void
run(int from, int to)
{
  int outer = end;
  end = to;
  for(now = from; now < to; now++){
    roll_from(seed * MAX_STEPS + (u64)now);
    int k = pick_kind();
    if(!keep[now] || left_out[k])
      continue;
    say("%*s%d ", 2 * depth, "", now);
    kinds[k].run();
    if(!line_empty())
      end_line();
  }
  end = outer;
}

// ---- Relatives ----

// The parent takes over what the child saw; nothing if that came to a bad end.
static void
join(pid_t pid, int report)
{
  int status;
  u64 seen = 0;
  if(read(report, &seen, sizeof(seen)) != sizeof(seen))
    seen = 0;
  waitpid(pid, &status, 0);
  say("%*s%d joined: %#x", 2 * depth, "", now, status);
  end_line();
  hash ^= seen;
}

// The child or the parent does the next steps, while the other waits; both look after.
static void
do_fork(void)
{
  int n = 1 + roll(6), report[2], go[2];
  bool child_works = !one_in(3);
  char c = 0;
  if(n > end - now - 1)
    n = end - now - 1;
  if(depth == MAX_DEPTH || pipe(report) || pipe(go)){
    say("fork left out");
    return;
  }
  say("fork, the %s does the next %d steps", child_works ? "child" : "parent", n);
  end_line();
  int first = now + 1;
  pid_t pid = fork();
  if(pid == 0){
    depth++;
    if(child_works)
      run(first, first + n);
    else if(read(go[0], &c, 1) != 1)
      _exit(1);
    say("%*s%d child: ", 2 * depth, "", first - 1);
    look();
    end_line();
    _exit(write(report[1], &hash, sizeof(hash)) != sizeof(hash));
  }
  close(report[1]);
  if(!child_works){
    run(first, first + n);
    if(write(go[1], &c, 1) != 1)
      say("no child ");
  }
  now = first + n - 1;
  join(pid, report[0]);
  close(report[0]);
  close(go[0]);
  close(go[1]);
}

enum { RACERS = 3, ROUNDS = 8 };

// One round of racer `me` in a page: its own pattern where it is private, a count where
// it is shared.
static void
race_in(int p, int me)
{
  u8 buf[PAGE];
  if(pages[p].kind == HOLE || !(pages[p].prot & PROT_WRITE) || behind_end(p, 0, PAGE))
    return;
  if(pages[p].shared){
    count_up((u32 *)at(p) + 16);
  } else {
    make_pattern(buf, PAGE, MAX_STEPS + now * RACERS + me);
    store(at(p), buf, PAGE);
  }
}

static void
race(int me)
{
  for(int i = 0; i < ROUNDS * CORE; i++)
    race_in(core(i % CORE), me);
}

// Relatives that share everything store at the same time; each looks after all are done.
static void
do_race(void)
{
  int report[RACERS][2], go[RACERS][2], done[2];
  pid_t pids[RACERS];
  char c = 0;
  say("race");
  end_line();
  pipe(done);
  for(int me = 1; me < RACERS; me++){
    pipe(report[me]);
    pipe(go[me]);
    pids[me] = fork();
    if(pids[me] == 0){
      depth++;
      race(me);
      write(done[1], &c, 1);
      if(read(go[me][0], &c, 1) != 1)
        _exit(1);
      say("%*sracer %d: ", 2 * depth, "", me);
      look();
      end_line();
      _exit(write(report[me][1], &hash, sizeof(hash)) != sizeof(hash));
    }
    close(report[me][1]);
  }
  race(0);
  for(int me = 1; me < RACERS; me++)
    read(done[0], &c, 1);
  for(int me = 1; me < RACERS; me++){
    write(go[me][1], &c, 1);
    join(pids[me], report[me][0]);
    close(report[me][0]);
    close(go[me][0]);
    close(go[me][1]);
  }
  close(done[0]);
  close(done[1]);
}

// ---- Seeds ----

static void
make_file(int k)
{
  u8 buf[PAGE];
  unlink(file_name(k));
  add_file(k, O_CREAT | O_EXCL);
  for(int n = roll(9), i = 0; i <= n; i++){
    make_pattern(buf, PAGE, -1 - k * 10 - i);
    pwrite(files[k][0], buf, i < n ? PAGE : (size_t)roll(PAGE), (off_t)i * PAGE);
  }
}

static void
run_seed(int steps)
{
  hash = 0xcbf29ce484222325;
  roll_from(seed);
  for(int k = 0; k < NAMES; k++)
    make_file(k);
  run(0, steps);
  look();
  look_at_files();
  end_line();
  for(int k = 0; k < NAMES; k++)
    unlink(file_name(k));
  say("seed %lu %016lx\n", (unsigned long)seed, (unsigned long)hash);
  show_line();
}

// A process of its own for each: nothing of one seed is left for the next.
static void
run_seeds(u64 first, int count, int step, int steps)
{
  for(seed = first; seed < first + (u64)count; seed += (u64)step){
    int status;
    pid_t pid = fork();
    if(pid == 0){
      run_seed(steps);
      _exit(0);
    }
    if(pid < 0 || waitpid(pid, &status, 0) != pid || status != 0){
      say("seed %lu ended with %#x\n", (unsigned long)seed, pid < 0 ? -1 : status);
      show_line();
    }
  }
}

static void
choose_kept(const char *list)
{
  memset(keep, 0, sizeof(keep));
  while(*list){
    char *rest;
    long from = strtol(list, &rest, 10), to = *rest == '-' ? strtol(rest + 1, &rest, 10) : from;
    for(; from <= to && from < MAX_STEPS; from++)
      keep[from] = true;
    list = rest + (*rest == ',');
  }
}

static void
leave_out(char *names)
{
  for(char *name = strtok(names, ","); name; name = strtok(NULL, ",")){
    int k = 0;
    while(k < COUNT(kinds) && strcmp(kinds[k].name, name) != 0)
      k++;
    if(k == COUNT(kinds))
      _exit(2);
    left_out[k] = true;
  }
}

static void
prepare(void)
{
  size_t len = (size_t)ARENA * PAGE;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
  catch_faults();
  if(mmap(BASE, len, PROT_NONE, flags, -1, 0) != BASE || munmap(BASE, len) != 0){
    fprintf(stderr, "oracle: the arena's place is taken\n");
    exit(2);
  }
}

int
main(int argc, char **argv)
{
  int count = 1, steps = 60, copies = 1;
  memset(keep, 1, sizeof(keep));
  for(int c; (c = getopt(argc, argv, "ven:s:j:k:x:")) != -1;){
    switch(c){
    case 'v': verbose = true; break;
    case 'e': emulated = true; break;
    case 'n': count = atoi(optarg); break;
    case 's': steps = atoi(optarg); break;
    case 'j': copies = atoi(optarg); break;
    case 'k': choose_kept(optarg); break;
    case 'x': leave_out(optarg); break;
    default: return 2;
    }
  }
  if(optind != argc - 1 || steps < 0 || steps > MAX_STEPS)
    return 2;
  u64 first = strtoull(argv[optind], NULL, 0);
  prepare();
  for(copy_nr = 0; copy_nr < copies; copy_nr++){
    if(copies > 1 && fork() != 0)
      continue;
    run_seeds(first + (u64)copy_nr, count - copy_nr, copies, steps);
    if(copies > 1)
      _exit(0);
  }
  while(wait(NULL) > 0)
    ;
  return 0;
}
