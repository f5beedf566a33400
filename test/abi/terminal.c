// SPDX-License-Identifier: MIT
//
// Job control.  Standard input is a terminal with this process in its foreground; a
// child plays the shell, so that its jobs have a parent in another group of the
// session.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static int out;                      // not the terminal
static int gate[2];                  // a pipe: a byte lets one job end

static void
say(const char *what, long value)
{
  int e = errno;
  dprintf(out, "%s: %ld%s%s\n", what, value, value == -1 ? " " : "",
          value == -1 ? strerror(e) : "");
}

// A job: a child in a group of its own, which does fn and ends with its answer.
static pid_t
job(int (*fn)(void))
{
  pid_t p = fork();
  if(p == 0){
    setpgid(0, 0);
    signal(SIGTTIN, SIG_DFL);
    signal(SIGTTOU, SIG_DFL);
    signal(SIGTSTP, SIG_DFL);
    char c;
    int answer = fn();
    read(gate[0], &c, 1);            // so that it is seen what was before
    _exit(answer);
  }
  setpgid(p, p);
  return p;
}

static void
say_news(const char *what, pid_t p)
{
  int s;
  if(waitpid(p, &s, WUNTRACED | WCONTINUED) != p)
    say(what, -1);
  else if(WIFSTOPPED(s))
    dprintf(out, "%s: stopped by %d\n", what, WSTOPSIG(s));
  else if(WIFCONTINUED(s))
    dprintf(out, "%s: continued\n", what);
  else if(WIFSIGNALED(s))
    dprintf(out, "%s: ended by %d\n", what, WTERMSIG(s));
  else
    dprintf(out, "%s: exit %d\n", what, WEXITSTATUS(s));
}

static void
say_end(const char *what, pid_t p)
{
  write(gate[1], "x", 1);
  say_news(what, p);
}

static void
end(pid_t p)
{
  kill(p, SIGKILL);
  waitpid(p, NULL, 0);
}

// ---- What jobs do ----

static int
read_nothing(void)
{
  char c;
  int flags = fcntl(0, F_GETFL);
  fcntl(0, F_SETFL, flags | O_NONBLOCK);
  ssize_t n = read(0, &c, 1);
  int error = errno;
  fcntl(0, F_SETFL, flags);
  return n >= 0 ? 6 : error == EAGAIN ? 3 : error == EIO ? 4 : 5;
}

static int
read_ignoring(void)
{
  signal(SIGTTIN, SIG_IGN);
  return read_nothing();
}

static int take_terminal(void) { return tcsetpgrp(0, getpid()) == 0 ? 7 : 8; }
static int write_terminal(void) { return write(0, "", 0) == 0 && write(0, "\r", 1) == 1 ? 9 : 10; }

static int
change_settings(void)
{
  struct termios t;
  tcgetattr(0, &t);
  return tcsetattr(0, TCSANOW, &t) == 0 ? 11 : 12;
}

static int
change_ignoring(void)
{
  signal(SIGTTOU, SIG_IGN);
  return change_settings();
}

static int
stop_itself(void)
{
  raise(SIGTSTP);
  return 13;
}

// ---- In the background ----

static void
background(void)
{
  pid_t p = job(read_nothing);
  say_news("background read", p);
  say("to the front", tcsetpgrp(0, p));
  kill(-p, SIGCONT);
  say_news("to the front", p);
  say_end("read in front", p);
  say("back", tcsetpgrp(0, getpgrp()));
  say_end("read with SIGTTIN ignored", job(read_ignoring));
  say_news("take", p = job(take_terminal));
  end(p);
  say_end("write", job(write_terminal));
  say_news("settings", p = job(change_settings));
  end(p);
  say_end("settings with SIGTTOU ignored", job(change_ignoring));
  struct termios t;
  tcgetattr(0, &t);
  t.c_lflag |= TOSTOP;
  tcsetattr(0, TCSANOW, &t);
  say_news("write with TOSTOP", p = job(write_terminal));
  end(p);
  t.c_lflag &= ~TOSTOP;
  tcsetattr(0, TCSANOW, &t);
  say_news("stop", p = job(stop_itself));
  kill(p, SIGCONT);
  say_news("go on", p);
  say_end("end", p);
}

// ---- Who may have the terminal ----

static int
other_session(void)
{
  if(fork() == 0){
    setsid();
    say("group seen from elsewhere", tcgetpgrp(0));
    say("taken from elsewhere", tcsetpgrp(0, getpid()));
    _exit(0);
  }
  return wait(NULL) > 0;
}

static void
rights(void)
{
  say("no such group", tcsetpgrp(0, 1 << 21));
  say("bad group", tcsetpgrp(0, -5));
  say("mine", tcgetpgrp(0) == getpgrp());
  int p[2];
  pipe(p);
  say("not a terminal", tcgetpgrp(p[0]));
  say_end("other session", job(other_session));
}

// ---- Orphans ----

static volatile int hung_up, continued;
static void note(int sig) { *(sig == SIGHUP ? &hung_up : &continued) = 1; }

// What becomes of a stopped job whose parent ends.
static void
orphan(int tell)
{
  char c = 'x';
  struct sigaction sa = { .sa_handler = note };
  sigaction(SIGHUP, &sa, NULL);
  sigaction(SIGCONT, &sa, NULL);
  write(tell, &c, 1);
  raise(SIGSTOP);
  while(!hung_up || !continued)
    usleep(1000);
  say("orphan: SIGHUP", hung_up);
  say("orphan: SIGCONT", continued);
  raise(SIGTSTP);
  say("orphan: SIGTSTP does nothing", 1);
  say("orphan reads", read(0, &c, 1));
  say("orphan takes", tcsetpgrp(0, getpid()));
  write(tell, &c, 1);
  _exit(0);
}

static void
orphans(void)
{
  char c;
  int tell[2], s;
  pipe(tell);
  pid_t p = fork();
  if(p == 0){
    pid_t child = fork();
    if(child == 0){
      setpgid(0, 0);
      orphan(tell[1]);
    }
    read(tell[0], &c, 1);
    waitpid(child, &s, WUNTRACED);
    _exit(WIFSTOPPED(s) ? 0 : 1);
  }
  waitpid(p, &s, 0);
  read(tell[0], &c, 1);
  say("its parent", WEXITSTATUS(s));
}

static void
shell(void)
{
  setpgid(0, 0);
  signal(SIGTTOU, SIG_IGN);
  pipe(gate);
  say("the shell in front", tcsetpgrp(0, getpgrp()));
  background();
  rights();
  orphans();
  _exit(0);
}

int
main(int argc, char **argv)
{
  out = argc > 1 ? open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0600) : 1;
  signal(SIGTTOU, SIG_IGN);
  pid_t p = fork();
  if(p == 0)
    shell();
  setpgid(p, p);
  waitpid(p, NULL, 0);
  say("back in front", tcsetpgrp(0, getpgrp()));
  return 0;
}
