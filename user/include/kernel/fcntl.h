// SPDX-License-Identifier: MIT
//
// Open and mapping flags under xv6's names, with the values our kernel takes
// (Linux's).

#pragma once

#define O_RDONLY    0
#define O_WRONLY    01
#define O_RDWR      02
#define O_CREATE    0100
#define O_TRUNC     01000
#define O_NOFOLLOW  0400000

#define PROT_NONE   0x0
#define PROT_READ   0x1
#define PROT_WRITE  0x2
#define PROT_EXEC   0x4

#define MAP_SHARED  0x01
#define MAP_PRIVATE 0x02
