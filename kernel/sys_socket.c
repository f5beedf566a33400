// SPDX-License-Identifier: MIT
//
// Sockets: there is no family of them, and so no file is one.

#include "kernel/errno.h"
#include "kernel/files.h"
#include "kernel/syscall.h"

i64 sys_socket(const u64 *a) { return -EAFNOSUPPORT; }
i64 sys_socketpair(const u64 *a) { return -EAFNOSUPPORT; }

static i64
on_file(int fd)
{
  struct fd_ref r = fd_get(fd);
  i64 e = r.file ? -ENOTSOCK : -EBADF;
  fd_put(r);
  return e;
}

#define SOCKET_CALL(name) i64 sys_##name(const u64 *a) { return on_file((int)a[0]); }
SOCKET_CALL(bind)
SOCKET_CALL(listen)
SOCKET_CALL(accept)
SOCKET_CALL(connect)
SOCKET_CALL(getsockname)
SOCKET_CALL(getpeername)
SOCKET_CALL(sendto)
SOCKET_CALL(recvfrom)
SOCKET_CALL(setsockopt)
SOCKET_CALL(getsockopt)
SOCKET_CALL(shutdown)
SOCKET_CALL(sendmsg)
SOCKET_CALL(recvmsg)
SOCKET_CALL(accept4)
