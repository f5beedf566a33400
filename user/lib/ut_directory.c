// SPDX-License-Identifier: MIT
//
// usertests: names.

#include "kernel/fs.h"
#include "user/usertest.h"

static int
count_names(const char *path)
{
  struct list names = { 0 };
  require(directory_names(path, &names) == 0);
  int n = names.n;
  list_free(&names, true);
  return n;
}

static void
number_name(char *name, char letter, int i)
{
  name[0] = letter;
  name[1] = '0' + i / 1000 % 10;
  name[2] = '0' + i / 100 % 10;
  name[3] = '0' + i / 10 % 10;
  name[4] = '0' + i % 10;
  name[5] = 0;
}

static void
test_mkdir(void)
{
  require(mkdir("d") == 0 && sys_mkdir("d", 0777) == -EEXIST);
  require(chdir("d") == 0 && chdir("..") == 0);
  require(mkdir("d/e") == 0);
  require(sys_rmdir("d") == -ENOTEMPTY && unlink("d") == -1);
  require(unlink("d/e") == 0 && unlink("d") == 0);
  require(chdir("d") == -1);
  require(sys_mkdir("a/b", 0777) == -ENOENT);
  require(sys_mkdir("", 0777) == -ENOENT);
  make_file("f", "", 0);
  require(sys_mkdir("f/d", 0777) == -ENOTDIR && chdir("f") == -1);
  require(sys_rmdir("f") == -ENOTDIR);
  require(mkdir("slashes//") == 0 && chdir("slashes///") == 0);
}

static void
test_dot_names(void)
{
  require(mkdir("d") == 0 && chdir("d") == 0);
  require(unlink(".") == -1 && unlink("..") == -1);
  require(chdir("..") == 0);
  require(unlink("d/.") == -1 && unlink("d/..") == -1 && unlink("/") == -1);
  require(mkdir("d/.") == -1 && mkdir(".") == -1 && mkdir("/") == -1);
  require(unlink("d") == 0);
}

static void
test_file_as_directory(void)
{
  make_file("f", "", 0);
  require(chdir("f") == -1 && open("f/x", O_RDONLY) == -1 && open("f/x", O_CREATE) == -1);
  require(mkdir("f/x") == -1 && unlink("f/x") == -1 && link(".", "f/x") == -1);
  require(unlink("f") == 0);
  int fd = open_file(".", O_RDONLY);
  require(write(fd, "x", 1) == -1);
}

static void
test_subdirectories(void)
{
  char buf[10];

  require(mkdir("dd") == 0 && mkdir("/missing/dd") == -1);
  make_file("dd/ff", "ff", 2);
  require(unlink("dd") == -1);
  require(mkdir("dd/dd") == 0);
  make_file("dd/dd/ff", "FF", 2);
  int fd = open_file("dd/dd/../ff", O_RDONLY);
  require(read(fd, buf, 10) == 2 && buf[0] == 'f');
  require(link("dd/dd/ff", "dd/dd/ffff") == 0 && unlink("dd/dd/ff") == 0);
  require(open("dd/dd/ff", O_RDONLY) == -1);
  require(chdir("dd") == 0 && chdir("dd/../../dd") == 0 && chdir("./..") == 0);
  fd = open_file("dd/dd/ffff", O_RDONLY);
  require(read(fd, buf, 10) == 2 && buf[0] == 'F');
  require(open("dd/ff/ff", O_CREATE | O_RDWR) == -1 && open("dd/xx/ff", O_CREATE) == -1);
  require(open("dd", O_CREATE | O_RDWR) == -1 && open("dd", O_WRONLY) == -1);
  require(link("dd/ff/ff", "dd/dd/xx") == -1 && link("dd/ff", "dd/dd/ffff") == -1);
}

static void
test_link(void)
{
  char buf[10];

  make_file("a", "hello", 5);
  require(link("a", "b") == 0 && unlink("a") == 0);
  require(open("a", O_RDONLY) == -1);
  int fd = open_file("b", O_RDONLY);
  require(read(fd, buf, 10) == 5);
  require(sys_link("b", "b") == -EEXIST && link("a", "c") == -1);
  require(sys_link(".", "c") == -EPERM);
  require(unlink("b") == 0 && sys_link("b", "c") == -ENOENT);
}

static void
test_symlink(void)
{
  char buf[300];
  struct stat st;

  make_file("f", "data", 4);
  require(symlink("f", "s") == 0 && symlink("x", "s") == -1);
  require(sys_readlink("s", buf, sizeof(buf)) == 1 && buf[0] == 'f');
  require(sys_readlink("f", buf, sizeof(buf)) == -EINVAL);
  int fd = open_file("s", O_RDONLY);
  require(read(fd, buf, 10) == 4);
  require(sys_open("s", O_RDONLY | O_NOFOLLOW, 0) == -ELOOP);
  fd = open_file("s", O_RDONLY | O_NOFOLLOW);          // xv6: the link itself
  require(fstat(fd, &st) == 0 && st.type == T_SYMLINK);
  require(unlink("f") == 0 && sys_open("s", O_RDONLY, 0) == -ENOENT);
  require(close(open_file("s", O_CREATE | O_RDWR)) == 0 && exists("f"));

  require(mkdir("d") == 0 && symlink("d", "sd") == 0 && symlink("../f", "d/up") == 0);
  require(close(open_file("sd/up", O_RDONLY)) == 0);
  require(chdir("sd") == 0 && chdir("..") == 0 && exists("sd"));
  require(symlink("l2", "l1") == 0 && symlink("l1", "l2") == 0);
  require(sys_open("l1", O_RDONLY, 0) == -ELOOP);
  require(unlink("l1") == 0 && unlink("sd") == 0 && exists("d"));
}

static void
test_rename(void)
{
  make_file("a", "a", 1);
  make_file("b", "bb", 2);
  struct stat st;
  require(sys_rename("a", "c") == 0 && !exists("a") && exists("c"));
  require(sys_rename("c", "b") == 0 && stat("b", &st) == 0 && st.size == 1);
  require(sys_rename("b", "b") == 0 && exists("b"));
  require(sys_rename("missing", "x") == -ENOENT);
  require(mkdir("d") == 0 && mkdir("e") == 0 && mkdir("e/f") == 0);
  require(sys_rename("b", "d") == -EISDIR && sys_rename("d", "b") == -ENOTDIR);
  require(sys_rename("d", "e") == -ENOTEMPTY);
  require(sys_rename("e", "e/f/g") == -EINVAL);
  require(sys_rename("b", "d/b") == 0 && exists("d/b"));
  require(sys_rename("d", "e/f") == 0 && exists("e/f/b"));
  require(chdir("e/f") == 0 && sys_rename("b", "../../z") == 0 && chdir("../..") == 0);
  require(exists("z") && count_names("e/f") == 0);
  require(stat("e", &st) == 0 && st.nlink == 3);
}

// 255 bytes are a name, 256 are not.
static void
test_long_names(void)
{
  static char name[NAME_MAX + 2], path[PATH_MAX + 10];

  memset(name, 'n', NAME_MAX);
  make_file(name, "x", 1);
  require(exists(name) && count_names(".") == 1);
  require(unlink(name) == 0 && mkdir(name) == 0 && unlink(name) == 0);
  name[NAME_MAX] = 'n';
  require(sys_open(name, O_CREAT, 0666) == -ENAMETOOLONG);
  require(sys_mkdir(name, 0777) == -ENAMETOOLONG && sys_unlink(name) == -ENAMETOOLONG);
  require(sys_symlink("x", name) == -ENAMETOOLONG && sys_rename("x", name) < 0);
  for(int i = 0; i < PATH_MAX; i += 2)
    memcpy(path + i, "./", 2);
  require(sys_open(path, O_RDONLY, 0) == -ENAMETOOLONG);
  path[PATH_MAX - 1] = 0;
  require(sys_open(path, O_RDONLY, 0) >= 0);
}

static void
make_deep(int depth)
{
  for(int i = 0; i < depth; i++)
    require(mkdir("d") == 0 && chdir("d") == 0);
  make_file("bottom", "x", 1);
  require(unlink("bottom") == 0);
  for(int i = 0; i < depth; i++)
    require(chdir("..") == 0 && unlink("d") == 0);
  require(count_names(".") == 0);
}

static void
test_deep(void)
{
  make_deep(100);
}

// Deeper than a path can say.
static void
test_very_deep(void)
{
  make_deep(3000);
}

static void
make_big(int n)
{
  char name[8];

  make_file("f", "x", 1);
  for(int i = 0; i < n; i++){
    number_name(name, 'x', i);
    require(link("f", name) == 0);
  }
  require(count_names(".") == n + 1);
  require(unlink("f") == 0);
  for(int i = 0; i < n; i++){
    number_name(name, 'x', (i * 7) % n);
    require(unlink(name) == 0);
  }
  require(count_names(".") == 0);
}

static void
test_big_directory(void)
{
  make_big(500);
}

static void
test_very_big_directory(void)
{
  make_big(9999);
}

// Directories as xv6 programs read them.
static void
test_read_directory(void)
{
  struct dirent entries[7];
  char name[8];
  int seen = 0, n, fd, dots = 0;

  for(int i = 0; i < 50; i++){
    number_name(name, 'r', i);
    make_file(name, "", 0);
  }
  fd = open_file(".", O_RDONLY);
  while((n = read(fd, entries, sizeof(entries))) > 0){
    require(n % sizeof(struct dirent) == 0);
    for(int i = 0; i < n / (int)sizeof(struct dirent); i++){
      require(entries[i].inum != 0);
      dots += entries[i].name[0] == '.';
      seen += entries[i].name[0] == 'r';
    }
  }
  require(n == 0 && seen == 50 && dots == 2);
}

// Whoever wins, a name exists once or not at all, and the directory is whole.
static void
test_create_race(void)
{
  char name[] = "c0";

  for(int i = 0; i < 30; i++){
    name[1] = '0' + i % 10;
    unlink(name);
    int pid = must_fork();
    if(pid && i % 3 == 1)
      link("c0", name);
    else
      close(open_file(name, O_CREATE | O_RDWR));
    if(pid == 0)
      exit(0);
    wait_all(1);
  }
  require(count_names(".") == 10);
}

static void
test_create_delete(void)
{
  char name[8];

  for(int k = 0; k < 4; k++)
    if(must_fork() == 0){
      for(int i = 0; i < 40; i++){
        number_name(name, 'p' + k, i);
        make_file(name, name, 6);
        if(i > 0 && i % 2 == 0){
          number_name(name, 'p' + k, i / 2);
          require(unlink(name) == 0);
        }
      }
      exit(0);
    }
  wait_all(4);
  require(count_names(".") == 4 * 21);
}

static void
test_link_unlink(void)
{
  uint x = must_fork() == 0 ? 1 : 97;
  bool child = x == 1;

  for(int i = 0; i < 300; i++){
    x = x * 1103515245 + 12345;
    switch((x >> 16) % 4){
    case 0: close(open("x", O_RDWR | O_CREATE)); break;
    case 1: link("cat", "x"); break;
    case 2: sys_rename("x", "cat"); break;
    default: unlink("x");
    }
  }
  if(child)
    exit(0);
  wait_all(1);
}

// Remove the directory one is in.
static void
test_remove_current(void)
{
  require(mkdir("d") == 0 && chdir("d") == 0);
  require(unlink("../d") == 0);
  require(open("x", O_CREATE) == -1 && mkdir("x") == -1);
  char buf[PATH_MAX];
  require(sys_getcwd(buf, sizeof(buf)) == -ENOENT);
  require(chdir("..") == 0 && !exists("d"));
}

static void
test_getcwd(void)
{
  char here[PATH_MAX], there[PATH_MAX];

  long n = sys_getcwd(here, sizeof(here));
  require(n > 1 && here[0] == '/' && here[n - 1] == 0);
  require(mkdir("d") == 0 && mkdir("d/e") == 0 && chdir("d/e") == 0);
  require(sys_getcwd(there, sizeof(there)) == n + 4);
  require(starts_with(there, here) && strcmp(there + n - 1, "/d/e") == 0);
  require(sys_getcwd(there, 3) == -ERANGE);
  require(chdir("../..") == 0);
}

const struct test directory_tests[] = {
  { "mkdir", test_mkdir },
  { "dot_names", test_dot_names },
  { "file_as_directory", test_file_as_directory },
  { "subdirectories", test_subdirectories },
  { "link", test_link },
  { "symlink", test_symlink },
  { "rename", test_rename },
  { "long_names", test_long_names },
  { "deep", test_deep },
  { "very_deep", test_very_deep, .slow = true },
  { "big_directory", test_big_directory },
  { "very_big_directory", test_very_big_directory, .slow = true },
  { "read_directory", test_read_directory },
  { "create_race", test_create_race },
  { "create_delete", test_create_delete },
  { "link_unlink", test_link_unlink },
  { "remove_current", test_remove_current },
  { "getcwd", test_getcwd },
  { 0 },
};
