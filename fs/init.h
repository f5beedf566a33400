// SPDX-License-Identifier: MIT
//
// What vfs_init() starts, each in its own file.

#pragma once

void dentry_init(void);
void tmpfs_init(void);
void flusher_start(void);
