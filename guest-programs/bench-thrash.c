// bench-thrash [PAGES [ROUNDS [read|write]]]: page after page is touched, round after round, so that with fewer frames
// than pages each touch is a page fault under most policies. Prints the median of what a touch cost in the rounds after
// the first.
#include <string.h>
#include <sys/mman.h>

#include "measure.h"

enum { most_rounds = 10000 };

static double nanoseconds[most_rounds];

int main(int count, char** arguments) {
    long pages = count > 1 ? atol(arguments[1]) : 1024;
    long rounds = count > 2 ? atol(arguments[2]) : 10;
    int writes = count <= 3 || strcmp(arguments[3], "write") == 0;
    CHECK(pages > 0 && rounds > 0 && rounds < most_rounds);
    size_t size = (size_t)pages * page_size;
    volatile long* base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(base != MAP_FAILED);
    long step = page_size / (long)sizeof *base;
    for (long page = 0; page < pages; ++page) base[page * step] = page;

    long wrong = 0;
    for (long round = 0; round < rounds; ++round) {
        double start = now_ns();
        for (long page = 0; page < pages; ++page) {
            wrong += base[page * step] != page;
            if (writes) base[page * step] = page;
        }
        nanoseconds[round] = (now_ns() - start) / (double)pages;
    }
    say("%ld rounds of %ld pages, %ld of them wrong", rounds, pages, wrong);
    if (count > 3) say("%.1f ns for each touch", median(nanoseconds, rounds));
    return 0;
}
