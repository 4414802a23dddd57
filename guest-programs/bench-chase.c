// bench-chase [MEBIBYTES [STEPS]]: a walk along pointers in random order, one for each cache line of a large area: each
// step waits for the one before it, and most of them miss the TLB.
#include <sys/mman.h>

#include "guest.h"

enum { line_size = 64 };

static uint64_t state = 88172645463325252u;
static uint64_t random_number(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

int main(int count, char** arguments) {
    long mebibytes = count > 1 ? atol(arguments[1]) : 64;
    long steps = count > 2 ? atol(arguments[2]) : 20000000;
    CHECK(mebibytes > 0 && steps > 0);
    long lines = (mebibytes << 20) / line_size;
    char* area = mmap(NULL, (size_t)lines * line_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(area != MAP_FAILED);

    // Sattolo's algorithm: a random permutation that is one single cycle. A line holds the number of the next one.
    for (long i = 0; i < lines; ++i) *(long*)(area + i * line_size) = i;
    for (long i = lines - 1; i > 0; --i) {
        long other = (long)(random_number() % (uint64_t)i);
        long* a = (long*)(area + i * line_size);
        long* b = (long*)(area + other * line_size);
        long kept = *a;
        *a = *b;
        *b = kept;
    }

    long at = 0, sum = 0;
    for (long step = 0; step < steps; ++step) {
        at = *(long*)(area + at * line_size);
        sum += at;
    }
    say("%ld steps over %ld lines end at %ld, sum %ld", steps, lines, at, sum);
    if (steps == lines) CHECK(at == 0 && sum == lines * (lines - 1) / 2);
    return 0;
}
