// mremap: mappings that grow, shrink and move: the answer of each call, what the window of 64 pages holds afterwards,
// and the first byte of each page. A line has one character for each page: '.' no mapping, '!' no right to read, else
// the byte.
#define _GNU_SOURCE
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "probe.h"

enum { pages = 64, read_write = PROT_READ | PROT_WRITE, maymove = 1, fixed = 3, dontunmap = 7 };

static char* base;

static char* page(long number) { return base + number * page_size; }

static const char* error_name(void) {
    switch (errno) {
        case EINVAL: return "EINVAL";
        case ENOMEM: return "ENOMEM";
        case EFAULT: return "EFAULT";
        case EAGAIN: return "EAGAIN";
        default: return "another errno";
    }
}

static void show(void) {
    char line[pages + 1] = {0};
    for (int i = 0; i < pages; ++i) {
        int refused = probe_read(page(i));
        line[i] = refused == SEGV_MAPERR ? '.' : refused ? '!' : (char)('0' + *(volatile char*)page(i));
    }
    say("    %s", line);
}

static void fresh(void) {
    CHECK(mmap(base, pages * page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == base);
    CHECK(munmap(base, pages * page_size) == 0);
}

static void put(long first, long count, int protection, int flags) {
    char* at = mmap(page(first), count * page_size, read_write, flags | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(at == page(first));
    for (long i = 0; i < count; ++i) *page(first + i) = (char)(1 + i);
    CHECK(mprotect(at, count * page_size, protection) == 0);
}

static long remap(long from, long old_pages, long new_pages, int flags, long to) {
    long answer = syscall(SYS_mremap, page(from), old_pages * page_size, new_pages * page_size, flags, page(to));
    char* at = (char*)answer;
    if (answer == -1) {
        say("mremap %ld: %ld to %ld pages, flags %d, to %ld: %s", from, old_pages, new_pages, flags, to, error_name());
    } else if (at >= base && at < page(pages)) {
        say("mremap %ld: %ld to %ld pages, flags %d, to %ld: page %ld", from, old_pages, new_pages, flags, to,
            (long)(at - base) / page_size);
    } else {
        say("mremap %ld: %ld to %ld pages, flags %d, to %ld: elsewhere, the first byte is %d", from, old_pages,
            new_pages, flags, to, *at);
        CHECK(munmap(at, new_pages * page_size) == 0);
    }
    show();
    return answer;
}

static void try_arguments(char* at, size_t old_size, size_t new_size, int flags, char* to) {
    long answer = syscall(SYS_mremap, at, old_size, new_size, flags, to);
    say("mremap %ld, %ld, %ld, %d: %s", (long)(at - base), (long)old_size, (long)new_size, flags,
        answer == -1 ? error_name() : "ok");
}

int main(void) {
    probe_install();
    base = mmap(NULL, (pages + 32) * page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(base != MAP_FAILED);
    base += 7 * page_size;

    say("-- in place");
    fresh();
    put(0, 4, read_write, MAP_PRIVATE);
    put(8, 2, read_write, MAP_PRIVATE);
    remap(0, 4, 6, 0, 0);
    remap(0, 2, 3, 0, 0);
    remap(0, 6, 9, 0, 0);
    remap(0, 6, 8, 0, 0);
    remap(0, 10, 5, 0, 0);
    remap(1, 2, 2, 0, 0);
    say("-- to a place");
    remap(0, 5, 5, fixed, 20);
    remap(21, 2, 2, fixed, 40);
    remap(40, 2, 4, fixed, 22);
    put(0, 8, PROT_READ, MAP_PRIVATE);
    remap(22, 4, 2, fixed, 3);
    remap(3, 2, 2, fixed, 4);
    remap(3, 2, 2, fixed, 3);
    say("-- wherever there is room");
    fresh();
    put(0, 2, read_write, MAP_PRIVATE);
    put(2, 2, PROT_NONE, MAP_PRIVATE);
    remap(0, 2, 5, maymove, 0);
    say("-- several at once");
    fresh();
    put(0, 4, read_write, MAP_PRIVATE);
    put(6, 2, PROT_READ, MAP_PRIVATE);
    put(8, 3, read_write, MAP_SHARED);
    if (remap(1, 9, 9, fixed, 30) == -1) {
        say("this kernel moves one mapping at a time");
        return exit_unsupported;
    }
    remap(30, 9, 8, fixed, 50);
    remap(30, 9, 10, fixed, 50);
    remap(29, 9, 9, fixed, 50);
    remap(30, 12, 3, fixed, 50);
    say("-- leaving the old mapping behind");
    fresh();
    put(0, 4, read_write, MAP_PRIVATE);
    remap(0, 4, 4, dontunmap, 10);
    remap(11, 2, 2, dontunmap, 20);
    remap(10, 4, 5, dontunmap, 30);
    remap(10, 4, 4, 5, 0);
    say("-- shared memory once more");
    fresh();
    put(0, 4, read_write, MAP_SHARED);
    remap(1, 0, 2, fixed, 20);
    *page(20) = 7;
    remap(0, 0, 4, maymove, 0);
    remap(0, 0, 4, 0, 0);
    put(40, 2, read_write, MAP_PRIVATE);
    remap(40, 0, 2, maymove, 0);
    say("-- locked");
    fresh();
    put(0, 3, read_write, MAP_PRIVATE | MAP_LOCKED);
    long before = minor_faults();
    CHECK(syscall(SYS_mremap, page(0), 3 * page_size, 6 * page_size, 0, 0) == (long)page(0));
    say("growing by three pages: %ld faults", minor_faults() - before);
    say("and the last of them: %ld faults", FAULTS_OF(*(volatile char*)page(5) = 1));
    say("madvise: %s", madvise(page(4), page_size, MADV_DONTNEED) ? error_name() : "ok");
    say("-- arguments");
    fresh();
    put(0, 2, read_write, MAP_PRIVATE);
    try_arguments(page(0) + 1, page_size, page_size, 0, page(20));
    try_arguments(page(0), page_size, 0, 0, page(20));
    try_arguments(page(0), page_size, (size_t)-1, maymove, page(20));
    try_arguments(page(0), page_size, (size_t)-page_size, maymove, page(20));
    try_arguments(page(0), (size_t)-page_size, page_size, 0, page(20));
    try_arguments(page(0), page_size, page_size, 8, page(20));
    try_arguments(page(0), page_size, page_size, 2, page(20));
    try_arguments(page(0), page_size, page_size, 4, page(20));
    try_arguments(page(0), page_size, page_size, fixed, page(20) + 1);
    try_arguments(page(0), page_size, page_size, fixed, (char*)0x7ffffffff000);
    try_arguments(page(9), page_size, page_size, fixed, page(20));
    try_arguments(page(9), page_size, page_size, 0, page(20));
    say("-- remap_file_pages");
    fresh();
    put(0, 8, read_write, MAP_SHARED);
    long done = syscall(SYS_remap_file_pages, page(0), 2 * page_size, 0, 4, 0);
    say("other pages of the same memory: %s", done ? error_name() : "ok");
    show();
    done = syscall(SYS_remap_file_pages, page(2) + 5, page_size, 0, 0, 0);
    say("one page: %s", done ? error_name() : "ok");
    show();
    done = syscall(SYS_remap_file_pages, page(2), page_size, PROT_READ, 0, 0);
    say("with a protection: %s", done ? error_name() : "ok");
    done = syscall(SYS_remap_file_pages, page(6), 4 * page_size, 0, 0, 0);
    say("beyond the mapping: %s", done ? error_name() : "ok");
    fresh();
    return 0;
}
