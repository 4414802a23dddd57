// bench-mmap [ROUNDS [VMAS]]: map one page, touch it by one write, unmap it, ROUNDS times, in an address space of VMAS
// mappings that cannot be merged.
#include <sys/mman.h>

#include "guest.h"

int main(int count, char** arguments) {
    long rounds = count > 1 ? atol(arguments[1]) : 1000;
    long vmas = count > 2 ? atol(arguments[2]) : 0;
    CHECK(rounds > 0 && vmas >= 0);

    // Every second page of a reserved range changes its rights: each change leaves two more boundaries.
    if (vmas > 0) {
        char* base =
            mmap(NULL, (size_t)(vmas + 1) * page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        CHECK(base != MAP_FAILED);
        for (long page = 1; page < vmas; page += 2) CHECK(mprotect(base + page * page_size, page_size, PROT_READ) == 0);
    }
    for (long round = 0; round < rounds; ++round) {
        volatile char* page = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(page != MAP_FAILED);
        *page = 1;
        CHECK(munmap((void*)page, page_size) == 0);
    }
    say("%ld rounds beside %ld mappings", rounds, vmas);
    return 0;
}
