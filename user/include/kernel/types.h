// SPDX-License-Identifier: MIT
//
// The integer names xv6 programs use.

#pragma once

#include <stddef.h>

typedef unsigned int uint;
typedef unsigned short ushort;
typedef unsigned char uchar;

typedef unsigned char uint8;
typedef unsigned short uint16;
typedef unsigned int uint32;
typedef unsigned long uint64;

typedef long off_t;
typedef uint64 pde_t;
