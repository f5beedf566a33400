// SPDX-License-Identifier: MIT
//
// What vfs_init() starts, each in its own file.

#pragma once

void dentry_init(void);
void epoll_init(void);
void file_init(void);
void filelock_init(void);
void mount_init(void);
void rename_init(void);
void tmpfs_init(void);
void flusher_start(void);
