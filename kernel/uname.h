// SPDX-License-Identifier: MIT
//
// What the system calls itself, in uname(2) and /proc.  The release is that of
// the Linux whose system calls these are.

#pragma once

#define UTS_SYSNAME  "Linux"
#define UTS_NODENAME "quire"
#define UTS_RELEASE  "6.1.0-quire"
#define UTS_VERSION  "quire"
#define UTS_MACHINE  "riscv64"
#define UTS_DOMAIN   "(none)"
