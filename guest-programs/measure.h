// What the guest programs that measure themselves share: the time, and the median of what was measured.
#pragma once

#include <time.h>

#include "guest.h"

static inline double now_ns(void) {
    struct timespec time;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &time) == 0);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static inline int ascending(const void* a, const void* b) {
    double x = *(const double*)a, y = *(const double*)b;
    return (x > y) - (x < y);
}

// Sorts them.
static inline double median(double* values, long count) {
    qsort(values, (size_t)count, sizeof values[0], ascending);
    return values[count / 2];
}
