// zero: reads four pages that nobody has written to, and writes to them then.
#include <stdio.h>
#include <sys/mman.h>

enum { page_size = 4096, page_count = 4 };

int main(void) {
    size_t size = page_count * page_size;
    volatile char* pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) return 1;

    int sum = 0;
    for (int page = 0; page < page_count; ++page) sum += pages[page * page_size];
    for (int page = 0; page < page_count; ++page) pages[page * page_size] = (char)(sum + page);
    for (int page = 0; page < page_count; ++page) sum += pages[page * page_size];
    printf("sum: %d\n", sum);
    return 0;
}
