// brk-holes: the heap when the program unmaps parts of it by hand, or maps something in its way: where the break ends
// up, counted in pages from where it began.
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/syscall.h>

#include "guest.h"

static char* start;

static char* page(long number) { return start + number * page_size; }

static void move_break(const char* why, long pages) {
    char* answer = (char*)syscall(SYS_brk, page(pages));
    say("%-52s break to %ld: at %ld", why, pages, (long)(answer - start) / page_size);
}

static void put(long number) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    CHECK(mmap(page(number), page_size, PROT_READ | PROT_WRITE, flags, -1, 0) == page(number));
}

int main(void) {
    char* end = (char*)syscall(SYS_brk, 0);
    start = (char*)page_of(end + page_size - 1);
    move_break("a heap", 8);
    CHECK(munmap(page(4), 4 * page_size) == 0);
    move_break("its upper half unmapped by hand", 6);
    move_break("down to what is left of it", 4);
    move_break("further down", 3);
    move_break("up again", 8);
    CHECK(munmap(page(5), page_size) == 0);
    move_break("down over a hole", 5);
    put(2);
    move_break("down to where something else was mapped", 2);
    move_break("nothing", 0);
    move_break("up again", 4);
    put(4);
    move_break("into a mapping", 5);
    CHECK(munmap(page(4), page_size) == 0);
    put(6);
    move_break("to a page below a mapping", 5);
    move_break("up to a mapping", 6);
    move_break("below the start", -1);
    return 0;
}
