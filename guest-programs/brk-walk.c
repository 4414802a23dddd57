// brk-walk: a heap grown by 8 KiB and touched page by page. brk returns at once and hands out no memory: each page
// arrives with its first touch, by exactly one page fault, and a second touch takes none.
#include <sys/syscall.h>

#include "guest.h"

enum { heap_pages = 2, heap_size = heap_pages * page_size };

// The bare system call: it answers with the new end of the heap, or with the old one if it refuses.
static char* brk_to(char* end) { return (char*)syscall(SYS_brk, end); }

int main(void) {
    char* start = brk_to(NULL);
    // The C library may have left the end of the heap inside a page that is already there.
    start = (char*)page_of(start + page_size - 1);
    char* end = NULL;

    long faults = FAULTS_OF(end = brk_to(start + heap_size));
    CHECK(end == start + heap_size);
    say("brk: %d bytes more, %ld page faults", heap_size, faults);
    CHECK(faults == 0);

    for (int page = 0; page < heap_pages; ++page) {
        volatile char* byte = start + page * page_size;
        faults = FAULTS_OF(*byte = (char)('a' + page));
        say("page %d: first write, %ld page fault", page, faults);
        CHECK(faults == 1);
        faults = FAULTS_OF(byte[page_size - 1] = 'z');
        say("page %d: another write, %ld page faults", page, faults);
        CHECK(faults == 0);
    }
    for (int page = 0; page < heap_pages; ++page) CHECK(start[page * page_size] == 'a' + page);

    CHECK(brk_to(start) == start);
    say("brk: back to where it was");
    CHECK(brk_to(start + heap_size) == start + heap_size);
    faults = FAULTS_OF(*(volatile char*)start);
    say("page 0 again: %ld page fault, it holds %d now", faults, *start);
    CHECK(faults == 1 && *start == 0);
    return 0;
}
