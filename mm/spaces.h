// SPDX-License-Identifier: MIT
//
// The list of all spaces, for those in mm/ who look at the whole system.

#pragma once

#include "mm/space.h"

extern struct list all_spaces;             // a space leaves once it maps nothing
extern struct spinlock all_spaces_lock;

bool space_get_live(struct space *s);      // a reference, unless the last one is gone already
