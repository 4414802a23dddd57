// madvise: every piece of advice on private, shared and read-only memory and on memory without rights: its answer, and
// what it leaves of content, residency and rights.
#define _GNU_SOURCE
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "probe.h"

enum { pages = 8, read_write = PROT_READ | PROT_WRITE };

// By number, as C libraries of several years know different ones.
enum {
    dontneed = 4,
    lazy_free = 8,
    dontfork = 10,
    wipeonfork = 18,
    keeponfork = 19,
    populate_read = 22,
    populate_write = 23,
    dontneed_locked = 24,
    collapse = 25,
    guard_install = 102,
    guard_remove = 103,
};

static char* base;

static char* page(long number) { return base + number * page_size; }
static long advise(void* address, size_t size, int advice) { return syscall(SYS_madvise, address, size, advice); }

static const char* outcome(long result) {
    if (result == 0) return "ok";
    switch (errno) {
        case EINVAL: return "EINVAL";
        case ENOMEM: return "ENOMEM";
        case EAGAIN: return "EAGAIN";
        case EACCES: return "EACCES";
        case EFAULT: return "EFAULT";
        case EBADF: return "EBADF";
        default: return "another errno";
    }
}

#define TRY(call) say("%-58s %s", #call, outcome(call))

// One letter for each page: '-' not in memory, 'M' in memory, '.' no mapping; and its first byte, '!' where it cannot
// be read.
static void show(const char* what) {
    char line[2 * pages + 2] = {0};
    for (int i = 0; i < pages; ++i) {
        unsigned char in = 0;
        int known = syscall(SYS_mincore, page(i), page_size, &in) == 0;
        line[i] = !known ? '.' : in & 1 ? 'M' : '-';
    }
    line[pages] = ' ';
    for (int i = 0; i < pages; ++i) {
        int refused = probe_read(page(i));
        line[pages + 1 + i] = (char)(refused ? '!' : '0' + *(volatile char*)page(i));
    }
    say("%-58s %s", what, line);
}

static void fresh(int protection, int flags, int touched) {
    CHECK(mmap(base, pages * page_size, read_write, flags | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == base);
    for (int i = 0; i < touched; ++i) *page(i) = (char)(i + 1);
    CHECK(mprotect(base, pages * page_size, protection) == 0);
}

// Every number that could be advice, on one kind of memory: those that are not refused as unknown or unfit.
static void survey(const char* kind, int protection, int flags) {
    for (int advice = -1; advice < 110; ++advice) {
        if (advice == 9 || advice == 100 || advice == 101) continue;  // shared memory's content, and what breaks RAM
        fresh(protection, flags, 2);
        const char* answer = outcome(advise(page(1), 3 * page_size, advice));
        const char* beyond = outcome(advise(page(pages - 1), 3 * page_size, advice));
        if (strcmp(answer, "EINVAL") != 0) say("%s, advice %d: %s, across the end %s", kind, advice, answer, beyond);
    }
}

int main(void) {
    probe_install();
    base = mmap(NULL, 64 * page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(base != MAP_FAILED);
    base += 16 * page_size;
    CHECK(munmap(base + pages * page_size, 8 * page_size) == 0);

    survey("private", read_write, MAP_PRIVATE);
    survey("private, read-only", PROT_READ, MAP_PRIVATE);
    survey("private, no rights", PROT_NONE, MAP_PRIVATE);
    survey("private, write-only", PROT_WRITE, MAP_PRIVATE);
    survey("shared", read_write, MAP_SHARED);
    survey("shared, read-only", PROT_READ, MAP_SHARED);
    survey("locked", read_write, MAP_PRIVATE | MAP_LOCKED);

    say("-- arguments");
    fresh(read_write, MAP_PRIVATE, pages);
    TRY(advise(page(0) + 1, page_size, dontneed));
    TRY(advise(page(0) + 1, 0, dontneed));
    TRY(advise(page(0), 0, 77));
    TRY(advise(page(0), 0, dontneed));
    TRY(advise(page(0), (size_t)-1, dontneed));
    TRY(advise(page(0), (size_t)-page_size, dontneed));
    show("untouched so far");
    TRY(advise(page(0), 10, dontneed));
    show("ten bytes are a page");

    say("-- giving up");
    fresh(read_write, MAP_PRIVATE, pages);
    TRY(advise(page(1), 2 * page_size, dontneed));
    show("dontneed 1 to 2");
    TRY(advise(page(4), page_size, lazy_free));
    *page(4) = 5;
    show("lazy_free 4, and written again");
    TRY(advise(page(6), 6 * page_size, dontneed));
    show("dontneed from 6, across a hole");
    fresh(read_write, MAP_SHARED, pages);
    TRY(advise(page(1), 2 * page_size, dontneed));
    show("shared memory keeps its content");
    TRY(advise(page(0), page_size, lazy_free));
    fresh(read_write, MAP_PRIVATE | MAP_LOCKED, pages);
    TRY(advise(page(1), page_size, dontneed));
    TRY(advise(page(1), page_size, dontneed_locked));
    show("locked memory, given up all the same");

    say("-- bringing in");
    fresh(read_write, MAP_PRIVATE, 0);
    long before = minor_faults();
    TRY(advise(page(1), 3 * page_size, populate_read));
    long taken = minor_faults() - before;
    say("faults: %ld, and %ld for a write afterwards", taken, FAULTS_OF(*(volatile char*)page(2) = 3));
    TRY(advise(page(5), 2 * page_size, populate_write));
    say("a write afterwards: %ld faults", FAULTS_OF(*(volatile char*)page(5) = 6));
    show("populated 1 to 3 and 5 to 6");
    TRY(advise(page(6), 6 * page_size, populate_write));
    TRY(advise(page(9), page_size, populate_read));
    fresh(PROT_READ, MAP_PRIVATE, 0);
    TRY(advise(page(0), page_size, populate_write));
    fresh(PROT_NONE, MAP_PRIVATE, 0);
    TRY(advise(page(0), page_size, populate_read));

    say("-- guards");
    fresh(read_write, MAP_PRIVATE, pages);
    TRY(advise(page(2), 3 * page_size, guard_install));
    show("2 to 4");
    say("reading: %s, writing: %s", code_name(probe_read(page(2))), code_name(probe_write(page(4), 1)));
    say("write(2) from a guard: %s", outcome(write(STDOUT_FILENO, page(3), 1) == 1 ? 0 : -1));
    TRY(advise(page(0), pages * page_size, dontneed));
    show("guards outlive dontneed");
    TRY(advise(page(1), 3 * page_size, populate_write));
    TRY((long)mlock(page(1), 3 * page_size));
    TRY(advise(page(0), page_size, guard_install));
    TRY(advise(page(1), page_size, guard_install));
    TRY((long)munlock(page(1), 3 * page_size));
    TRY((long)mprotect(page(2), page_size, PROT_READ));
    say("writing where reading is all that is allowed: %s", code_name(probe_write(page(2), 1)));
    TRY((long)mprotect(page(2), page_size, PROT_NONE));
    TRY((long)mprotect(page(2), page_size, read_write));
    say("reading: %s", code_name(probe_read(page(2))));
    TRY(advise(page(3), page_size, guard_remove));
    show("3 without its guard");
    TRY((long)munmap(page(4), page_size));
    CHECK(mmap(page(4), page_size, read_write, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page(4));
    show("4 mapped anew");
    fresh(read_write, MAP_SHARED, pages);
    TRY(advise(page(2), page_size, guard_install));
    show("shared: 2");
    TRY(advise(page(2), page_size, guard_remove));
    show("shared: 2 is back");

    say("-- merging");
    fresh(read_write, MAP_PRIVATE, 0);
    TRY(advise(page(2), page_size, dontfork));
    TRY(advise(page(2), page_size, wipeonfork));
    TRY(advise(page(2), page_size, keeponfork));
    TRY(advise(page(0), page_size, collapse));
    return 0;
}
