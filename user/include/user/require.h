// SPDX-License-Identifier: MIT
//
// What a test program requires; the first thing that is not so ends it with status 1.

#pragma once

#define require(e) ((e) ? (void)0 : test_failed(__FILE__, __LINE__, #e))
void test_failed(const char *file, int line, const char *what) __attribute__((noreturn));

// fork(), but failing is a failure of the test.
int must_fork(void);
// Wait for n children, all there are, which must exit with 0.
void wait_all(int n);
