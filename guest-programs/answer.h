// Calls and what they answer: SHOW(call) prints the call as it is written here, and its result or errno.
#pragma once

#include <errno.h>
#include <string.h>

#include "guest.h"

static inline const char* answer(long result) {
    static char text[32];
    if (result < 0) return strerror(errno);
    snprintf(text, sizeof text, "%ld", result);
    return text;
}
#define SHOW(call) say("%s: %s", #call, answer(call))

// The same for mmap(2), of which only success counts; unmaps nothing.
#define SHOW_MAP(call)                                                       \
    ({                                                                       \
        char* mapped_ = (call);                                              \
        say("%s: %s", #call, mapped_ == MAP_FAILED ? answer(-1) : "mapped"); \
        mapped_;                                                             \
    })
