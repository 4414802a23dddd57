// belady: uses five blocks of 64 pages in the order of Belady's example, 1 2 3 4 1 2 5 1 2 3 4 5.
#include <stdio.h>
#include <sys/mman.h>

enum { page_size = 4096, block_pages = 64 };

static const int order[] = {1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5};

int main(void) {
    size_t size = 5 * block_pages * page_size;
    volatile char* pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) return 1;
    for (size_t i = 0; i < sizeof order / sizeof order[0]; ++i) {
        for (int page = 0; page < block_pages; ++page) pages[((order[i] - 1) * block_pages + page) * page_size] += 1;
    }
    puts("done");
    return 0;
}
