// bench-touch [PAGES [ROUNDS [time]]]: the page fault alone: map, touch each page by one write, unmap. With `time` it
// prints what one round's page cost in the median of the rounds.
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "guest.h"

enum { most_rounds = 1000 };

static double nanoseconds[most_rounds];

static double now(void) {
    struct timespec time;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &time) == 0);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int ascending(const void* a, const void* b) {
    double x = *(const double*)a, y = *(const double*)b;
    return (x > y) - (x < y);
}

int main(int count, char** arguments) {
    long pages = count > 1 ? atol(arguments[1]) : 16384;
    long rounds = count > 2 ? atol(arguments[2]) : 10;
    int timed = count > 3 && strcmp(arguments[3], "time") == 0;
    CHECK(pages > 0 && rounds > 0 && rounds <= most_rounds);
    size_t size = (size_t)pages * page_size;

    for (long round = 0; round < rounds; ++round) {
        double start = timed ? now() : 0;
        volatile char* base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(base != MAP_FAILED);
        for (long page = 0; page < pages; ++page) base[page * page_size] = 1;
        CHECK(munmap((void*)base, size) == 0);
        if (timed) nanoseconds[round] = (now() - start) / (double)pages;
    }
    say("%ld rounds of %ld pages", rounds, pages);
    if (timed) {
        qsort(nanoseconds, (size_t)rounds, sizeof nanoseconds[0], ascending);
        say("%.1f ns for each page", nanoseconds[rounds / 2]);
    }
    return 0;
}
