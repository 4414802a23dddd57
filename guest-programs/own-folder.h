// A folder of the program's own to work in, so that several can run at the same time.
#pragma once

#include <sys/stat.h>

#include "guest.h"

static char own_folder[64];

static inline void enter_own_folder(void) {
    snprintf(own_folder, sizeof own_folder, "/tmp/guest-%d", (int)getpid());
    CHECK(mkdir(own_folder, 0700) == 0 && chdir(own_folder) == 0);
}

// It must be empty by then.
static inline void leave_own_folder(void) { CHECK(chdir("/") == 0 && rmdir(own_folder) == 0); }
