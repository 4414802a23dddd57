// thrash PAGES ROUNDS: a job that goes through PAGES pages again and again.
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { page_size = 4096 };

int main(int count, char** arguments) {
    long pages = count > 1 ? atol(arguments[1]) : 100;
    long rounds = count > 2 ? atol(arguments[2]) : 20;
    volatile long* base =
        mmap(NULL, (size_t)pages * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) return 1;
    for (long round = 0; round < rounds; ++round) {
        for (long page = 0; page < pages; ++page) base[page * page_size / (long)sizeof *base] += page;
    }
    printf("%ld rounds\n", rounds);
    return 0;
}
