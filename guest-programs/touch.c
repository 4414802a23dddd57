// touch [PAGES]: anonymous pages, read first and written then. The first read of a page maps the shared zero page, one
// fault; its first write gives it a frame of its own, a second fault. A page that is written at once takes one.
#include <sys/mman.h>

#include "guest.h"

static long read_each(volatile char* base, long pages) {
    long before = minor_faults();
    for (long page = 0; page < pages; ++page) CHECK(base[page * page_size] == 0);
    return minor_faults() - before;
}

static long write_each(volatile char* base, long pages) {
    long before = minor_faults();
    for (long page = 0; page < pages; ++page) base[page * page_size] = (char)(page + 1);
    return minor_faults() - before;
}

int main(int count, char** arguments) {
    long pages = count > 1 ? atol(arguments[1]) : 16;
    CHECK(pages > 0);
    size_t size = (size_t)pages * page_size;

    char* read_first = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char* written = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(read_first != MAP_FAILED && written != MAP_FAILED);
    // Huge pages would bring many pages with one fault; a kernel without them refuses this, which is as good.
    (void)madvise(read_first, size, MADV_NOHUGEPAGE);
    (void)madvise(written, size, MADV_NOHUGEPAGE);
    (void)read_each(read_first, 0);
    (void)write_each(read_first, 0);

    long faults = read_each(read_first, pages);
    say("%ld pages read: %ld faults", pages, faults);
    CHECK(faults == pages);
    faults = write_each(read_first, pages);
    say("the same written: %ld faults", faults);
    CHECK(faults == pages);
    faults = write_each(read_first, pages);
    say("and once more: %ld faults", faults);
    CHECK(faults == 0);
    faults = write_each(written, pages);
    say("%ld pages written at once: %ld faults", pages, faults);
    CHECK(faults == pages);

    for (long page = 0; page < pages; ++page) {
        CHECK(read_first[page * page_size] == (char)(page + 1));
        CHECK(read_first[page * page_size + 1] == 0);
    }
    CHECK(munmap(read_first, size) == 0 && munmap(written, size) == 0);
    return 0;
}
