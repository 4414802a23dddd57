// mmap-mprotect: mapping, protecting and unmapping memory: what is put where, what a page may do after each change, and
// the errno of each refusal. Addresses are printed relative to a mapping of sixteen pages.
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "probe.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

enum { pages = 16, read_write = PROT_READ | PROT_WRITE, anonymous = MAP_PRIVATE | MAP_ANONYMOUS };

static char* base;

static char* page(long number) { return base + number * page_size; }

// The bare system calls: musl rounds and refuses some arguments by itself.
static char* map(void* hint, size_t size, int protection, int flags) {
    return (char*)syscall(SYS_mmap, hint, size, protection, flags, -1, 0L);
}
static int unmap(void* address, size_t size) { return (int)syscall(SYS_munmap, address, size); }
static int protect(void* address, size_t size, int protection) {
    return (int)syscall(SYS_mprotect, address, size, protection);
}
static int advise(void* address, size_t size, int advice) { return (int)syscall(SYS_madvise, address, size, advice); }

static const char* error_name(int error) {
    switch (error) {
        case 0: return "ok";
        case EINVAL: return "EINVAL";
        case ENOMEM: return "ENOMEM";
        case EACCES: return "EACCES";
        case EEXIST: return "EEXIST";
        case EBADF: return "EBADF";
        default: return "another errno";
    }
}

// Says and checks what a call answers: 0 stands for success.
static void expect(const char* what, int failed, int expected) {
    int error = failed ? errno : 0;
    say("%-58s %s", what, error_name(error));
    CHECK(error == expected);
}

static void expect_map(const char* what, void* mapping, int expected) { expect(what, mapping == MAP_FAILED, expected); }

// One line of letters for the sixteen pages: what a read and a write of each of them do.
static void show(const char* what) {
    char line[pages + 1] = {0};
    for (int i = 0; i < pages; ++i) {
        int on_read = probe_read(page(i));
        int on_write = on_read ? on_read : probe_write(page(i), *(volatile char*)page(i));
        line[i] = on_read == SEGV_MAPERR ? '.' : on_read ? '-' : on_write ? 'r' : 'w';
    }
    say("%-58s %s", what, line);
}

static void protections(void) {
    show("sixteen pages, read and write");
    CHECK(protect(page(4), 4 * page_size, PROT_READ) == 0);
    show("four of them read-only: the mapping is split in three");
    CHECK(protect(page(6), 4 * page_size, PROT_NONE) == 0);
    show("two of these and two more with no access");
    CHECK(protect(page(4), 6 * page_size, read_write) == 0);
    show("all read and write again: merged into one");
    CHECK(*page(5) == 5 && *page(8) == 8);

    CHECK(unmap(page(7), 2 * page_size) == 0);
    show("a hole");
    CHECK(unmap(page(6), 4 * page_size) == 0);
    show("a larger hole over it");
    CHECK(unmap(page(6), 4 * page_size) == 0);
    show("unmapping nothing is no error");
    expect("mprotect across the hole", protect(page(4), 8 * page_size, PROT_READ), ENOMEM);
    show("it has changed what lay before the hole");
    CHECK(protect(page(4), 2 * page_size, read_write) == 0);
    CHECK(map(page(6), 4 * page_size, read_write, anonymous | MAP_FIXED) == page(6));
    show("the hole is filled with fresh pages");
    CHECK(*page(5) == 5 && *page(6) == 0 && *page(10) == 10);
}

static void placement(void) {
    char* below = map(NULL, page_size, read_write, anonymous);
    say("a new mapping lies %td pages from the sixteen", (below - base) / page_size);
    CHECK(below == page(-1));
    CHECK(unmap(below, page_size) == 0);

    CHECK(unmap(page(2), 2 * page_size) == 0);
    char* gap = map(NULL, 2 * page_size, read_write, anonymous);
    say("two pages go into a gap of two, at page %td", (gap - base) / page_size);
    CHECK(gap == page(2));

    CHECK(unmap(page(2), 2 * page_size) == 0);
    char* three = map(NULL, 3 * page_size, read_write, anonymous);
    say("three pages do not fit and go to page %td", (three - base) / page_size);
    CHECK(three == page(-3));
    CHECK(unmap(three, 3 * page_size) == 0);

    char* hinted = map(page(3), page_size, read_write, anonymous);
    say("a hint at a free page is taken: page %td", (hinted - base) / page_size);
    CHECK(hinted == page(3));
    char* unaligned = map(page(1) + 1, page_size, read_write, anonymous);
    say("a hint inside a page is rounded up: page %td", (unaligned - base) / page_size);
    CHECK(unaligned == page(2));
    char* taken = map(page(5), page_size, read_write, anonymous);
    say("a hint at a used page is not: page %td", (taken - base) / page_size);
    CHECK(taken == page(-1));
    CHECK(unmap(taken, page_size) == 0);

    *page(5) = 55;
    CHECK(map(page(5), page_size, PROT_READ, anonymous | MAP_FIXED) == page(5));
    say("MAP_FIXED replaces a page, which holds %d then", *page(5));
    CHECK(*page(5) == 0);
    CHECK(protect(page(5), page_size, read_write) == 0);
    expect_map("MAP_FIXED_NOREPLACE on a used page",
               map(page(5), page_size, read_write, anonymous | MAP_FIXED_NOREPLACE), EEXIST);
    show("nothing was lost");
}

static void refusals(void) {
    const size_t huge = 1ul << 47;
    expect_map("mmap of length 0", map(NULL, 0, read_write, anonymous), EINVAL);
    expect_map("mmap neither private nor shared", map(NULL, page_size, read_write, MAP_ANONYMOUS), EINVAL);
    expect_map("mmap of no file, not anonymous", map(NULL, page_size, read_write, MAP_PRIVATE), EBADF);
    expect_map("mmap fixed inside a page", map(base + 1, page_size, read_write, anonymous | MAP_FIXED), EINVAL);
    expect_map("mmap larger than the address space", map(NULL, huge, PROT_NONE, anonymous | MAP_NORESERVE), ENOMEM);
    expect_map("mmap of a length that overflows", map(NULL, SIZE_MAX, PROT_NONE, anonymous), ENOMEM);
    expect_map("mmap fixed past the end of the address space",
               map((void*)huge, page_size, read_write, anonymous | MAP_FIXED), ENOMEM);
    expect_map("mmap with an odd file offset", (char*)syscall(SYS_mmap, NULL, page_size, read_write, anonymous, -1, 1L),
               EINVAL);

    expect("munmap inside a page", unmap(base + 1, page_size), EINVAL);
    expect("munmap of length 0", unmap(base, 0), EINVAL);
    expect("munmap past the end of the address space", unmap((void*)huge, page_size), EINVAL);

    expect("mprotect inside a page", protect(base + 1, page_size, PROT_READ), EINVAL);
    expect("mprotect of length 0", protect(base, 0, PROT_READ), 0);
    expect("mprotect of nothing mapped", protect((void*)0x10000000000, page_size, PROT_READ), ENOMEM);
    expect("mprotect of a length that overflows", protect(base, SIZE_MAX, PROT_READ), ENOMEM);
    expect("mprotect growing both up and down", protect(base, page_size, PROT_READ | PROT_GROWSUP | PROT_GROWSDOWN),
           EINVAL);

    expect("madvise with unknown advice", advise(base, page_size, 12345), EINVAL);
    expect("madvise inside a page", advise(base + 1, page_size, MADV_DONTNEED), EINVAL);
    expect("madvise of nothing mapped", advise((void*)0x10000000000, page_size, MADV_DONTNEED), ENOMEM);
    expect("madvise of length 0", advise(base, 0, MADV_DONTNEED), 0);
    show("nothing was lost");
}

static void contents(void) {
    *page(9) = 99;
    CHECK(advise(page(9), page_size, MADV_DONTNEED) == 0);
    say("after MADV_DONTNEED a page holds %d", *page(9));
    CHECK(*page(9) == 0 && *page(10) == 10);

    *page(9) = 99;
    CHECK(protect(page(9), page_size, PROT_NONE) == 0);
    CHECK(protect(page(9), page_size, PROT_READ) == 0);
    say("after PROT_NONE and back it holds %d", *page(9));
    CHECK(*page(9) == 99);
    say("code in a page that is not executable: %s", code_name(probe_call(page(9))));
    CHECK(probe_code == SEGV_ACCERR);
}

int main(void) {
    probe_install();
    // A larger mapping's upper part, so that what lies around the sixteen pages is known: nothing below, a guard above.
    char* area = map(NULL, (pages + 9) * page_size, PROT_NONE, anonymous);
    CHECK(area != MAP_FAILED);
    base = area + 8 * page_size;
    CHECK(unmap(area, 8 * page_size) == 0);
    CHECK(protect(base, pages * page_size, read_write) == 0);
    for (int i = 0; i < pages; ++i) *page(i) = (char)i;

    protections();
    placement();
    refusals();
    contents();
    CHECK(unmap(base, (pages + 1) * page_size) == 0);
    show("unmapped");
    return 0;
}
