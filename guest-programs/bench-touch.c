// bench-touch [PAGES [ROUNDS [time [STRIDE]]]]: the page fault alone: map, touch each page by one write, or each
// STRIDE-th, unmap. With `time` it prints what one round's page cost in the median of the rounds.
#include <string.h>
#include <sys/mman.h>

#include "measure.h"

enum { most_rounds = 1000 };

static double nanoseconds[most_rounds];

int main(int count, char** arguments) {
    long pages = count > 1 ? atol(arguments[1]) : 16384;
    long rounds = count > 2 ? atol(arguments[2]) : 10;
    int timed = count > 3 && strcmp(arguments[3], "time") == 0;
    long stride = count > 4 ? atol(arguments[4]) : 1;
    CHECK(stride > 0 && pages > 0 && rounds > 0 && rounds <= most_rounds);
    size_t size = (size_t)pages * page_size;

    for (long round = 0; round < rounds; ++round) {
        double start = timed ? now_ns() : 0;
        volatile char* base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(base != MAP_FAILED);
        for (long page = 0; page < pages; page += stride) base[page * page_size] = 1;
        CHECK(munmap((void*)base, size) == 0);
        if (timed) nanoseconds[round] = (now_ns() - start) / (double)pages;
    }
    say("%ld rounds of %ld pages", rounds, pages);
    if (timed) {
        say("%.1f ns for each page", median(nanoseconds, rounds));
    }
    return 0;
}
