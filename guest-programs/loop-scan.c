// loop-scan [PAGES [ROUNDS]]: reads page after page, again and again: with one frame too few the worst case of LRU, and
// the best of MRU.
#include <sys/mman.h>

#include "guest.h"

int main(int count, char** arguments) {
    long pages = count > 1 ? atol(arguments[1]) : 33;
    long rounds = count > 2 ? atol(arguments[2]) : 10;
    CHECK(pages > 0 && rounds > 0);
    volatile char* base =
        mmap(NULL, (size_t)pages * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(base != MAP_FAILED);
    for (long page = 0; page < pages; ++page) base[page * page_size] = (char)page;
    long sum = 0;
    for (long round = 0; round < rounds; ++round) {
        for (long page = 0; page < pages; ++page) sum += base[page * page_size];
    }
    say("%ld rounds of %ld pages: %ld", rounds, pages, sum);
    return 0;
}
