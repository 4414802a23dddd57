// gather: pages of 4 KiB that the kernel may gather in one of 2 MiB, on advice or by itself: what it gathers, and what
// it leaves as it is.
//
// Usage: gather [KIND MILLISECONDS]; without arguments what MADV_COLLAPSE says of the same kinds.
// KIND says what 2 MiB hold before the program sleeps: `full`, `half` of the pages, `one`, `old` (all of them, and
// nobody has used them since), `shared` with a child, `heap` from brk. With `scattered` all memory is full of pages of
// 4 KiB of which every other one is given up; then 2 MiB are touched that may be large, and others after the sleep.
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "read-text.h"

enum { huge_page = 2 << 20, pages_of_huge = huge_page / page_size, madv_cold = 20, madv_collapse = 25 };

static char text[1 << 18];

// AnonHugePages of the mapping that `address` lies in, in kB; -1: there is none.
static long huge_kib(const char* address) {
    read_text("/proc/self/smaps", text, sizeof text);
    for (const char* at = text; at != NULL && *at != 0;) {
        unsigned long start = 0, end = 0;
        const int is_header = sscanf(at, "%lx-%lx ", &start, &end) == 2;
        if (is_header && (uintptr_t)address >= start && (uintptr_t)address < end) {
            const char* found = strstr(at, "\nAnonHugePages:");
            return found != NULL ? atol(found + strlen("\nAnonHugePages:")) : -1;
        }
        at = strchr(at, '\n');
        if (at != NULL) ++at;
    }
    return -1;
}

static void fill(volatile char* start, long pages) {
    for (long page = 0; page < pages; ++page) start[page * page_size] = (char)(page % 100 + 1);
}

static long intact(const volatile char* start, long pages) {
    long count = 0;
    for (long page = 0; page < pages_of_huge; ++page) {
        count += start[page * page_size] == (char)(page < pages ? page % 100 + 1 : 0);
    }
    return count;
}

// 2 MiB at their boundary, in a mapping of their own; what is touched comes in 4 KiB until it is advised otherwise.
static char* place(void) {
    char* raw = mmap(NULL, 3 * huge_page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(raw != MAP_FAILED);
    char* start = (char*)(((uintptr_t)raw + huge_page) & ~(uintptr_t)(huge_page - 1));
    CHECK(mprotect(start, huge_page, PROT_READ | PROT_WRITE) == 0);
    CHECK(madvise(start, huge_page, MADV_NOHUGEPAGE) == 0);
    return start;
}

static void sleep_for(long milliseconds) {
    struct timespec left = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000};
    CHECK(nanosleep(&left, NULL) == 0);
}

static void wait_and_show(const char* what, const char* start, long pages, long milliseconds) {
    say("%s: AnonHugePages %ld kB", what, huge_kib(start));
    sleep_for(milliseconds);
    say("after %ld ms: AnonHugePages %ld kB", milliseconds, huge_kib(start));
    say("intact: %ld", intact(start, pages));
}

static void with_child(char* start, const char* kind, long milliseconds) {
    int ready[2];
    CHECK(pipe(ready) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        char byte;
        CHECK(close(ready[1]) == 0);
        _exit(read(ready[0], &byte, 1) == 0 ? 0 : 1);
    }
    CHECK(close(ready[0]) == 0);
    wait_and_show(kind, start, pages_of_huge, milliseconds);
    CHECK(close(ready[1]) == 0);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static long free_kib(void) {
    read_text("/proc/meminfo", text, sizeof text);
    return atol(strstr(text, "MemFree:") + strlen("MemFree:"));
}

static char* touched_place(void) {
    char* start = place();
    CHECK(madvise(start, huge_page, MADV_HUGEPAGE) == 0);
    *(volatile char*)start = 1;
    return start;
}

static void scattered(long milliseconds) {
    enum { most = 1 << 26, between_looks = 64, left_kib = 1024 };
    char* pages = mmap(NULL, most, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(pages != MAP_FAILED && madvise(pages, most, MADV_NOHUGEPAGE) == 0);
    // Page tables cannot move: all of them first, so that they lie side by side.
    for (long page = 0; page < most / page_size; page += pages_of_huge) ((volatile char*)pages)[page * page_size] = 1;
    long count = 0;
    while (count < most / page_size && free_kib() > left_kib) {
        for (long last = count + between_looks; count < last; ++count) ((volatile char*)pages)[count * page_size] = 1;
    }
    for (long page = 0; page < count; page += 2) {
        CHECK(madvise(pages + page * page_size, page_size, MADV_DONTNEED) == 0);
    }
    say("scattered: AnonHugePages %ld kB", huge_kib(touched_place()));
    sleep_for(milliseconds);
    say("after %ld ms: AnonHugePages %ld kB", milliseconds, huge_kib(touched_place()));
}

static int gather(const char* kind, long milliseconds) {
    if (strcmp(kind, "heap") == 0) {
        char* const start = (char*)syscall(SYS_brk, 0);
        // A page at a time, so that there is no room for a large one.
        for (char* end = start + page_size; end <= start + 2 * huge_page; end += page_size) {
            CHECK((char*)syscall(SYS_brk, end) == end);
            ((volatile char*)end)[-1] = 1;
        }
        char* whole = (char*)(((uintptr_t)start + huge_page - 1) & ~(uintptr_t)(huge_page - 1));
        fill(whole, pages_of_huge);
        wait_and_show(kind, whole, pages_of_huge, milliseconds);
        return 0;
    }
    if (strcmp(kind, "scattered") == 0) {
        scattered(milliseconds);
        return 0;
    }
    char* start = place();
    const long pages = strcmp(kind, "half") == 0 ? pages_of_huge / 2 : strcmp(kind, "one") == 0 ? 1 : pages_of_huge;
    fill(start, pages);
    CHECK(madvise(start, huge_page, MADV_HUGEPAGE) == 0);
    if (strcmp(kind, "old") == 0) CHECK(madvise(start, huge_page, madv_cold) == 0);
    if (strcmp(kind, "shared") == 0) {
        with_child(start, kind, milliseconds);
    } else {
        wait_and_show(kind, start, pages, milliseconds);
    }
    return 0;
}

static void collapse(const char* kind, long pages, int advice) {
    char* start = place();
    fill(start, pages);
    CHECK(madvise(start, huge_page, MADV_HUGEPAGE) == 0);
    if (advice != 0) CHECK(madvise(start, huge_page, advice) == 0);
    const int failed = madvise(start, huge_page, madv_collapse);
    say("MADV_COLLAPSE, %s: %s", kind, failed == 0 ? "ok" : strerror(errno));
    say("AnonHugePages %ld kB, intact: %ld", huge_kib(start), intact(start, pages));
}

static void collapse_shared(void) {
    char* start = place();
    fill(start, pages_of_huge);
    int ready[2];
    CHECK(pipe(ready) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        char byte;
        CHECK(close(ready[1]) == 0 && read(ready[0], &byte, 1) == 0);
        _exit(intact(start, pages_of_huge) == pages_of_huge ? 0 : 1);
    }
    CHECK(close(ready[0]) == 0 && madvise(start, huge_page, MADV_HUGEPAGE) == 0);
    const int failed = madvise(start, huge_page, madv_collapse);
    say("MADV_COLLAPSE, shared with a child: %s", failed == 0 ? "ok" : strerror(errno));
    fill(start, 1);
    say("AnonHugePages %ld kB, intact: %ld", huge_kib(start), intact(start, pages_of_huge));
    int status = 0;
    CHECK(close(ready[1]) == 0 && waitpid(child, &status, 0) == child);
    say("the child's status: %d", status);
}

int main(int argc, char** argv) {
    read_text("/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof text);
    if (strstr(text, "[never]") != NULL) {
        say("there are no large pages here");
        return exit_unsupported;
    }
    if (argc > 2) return gather(argv[1], atol(argv[2]));
    if (huge_kib(touched_place()) == 0) {
        say("no large page is free here");
        return exit_unsupported;
    }
    collapse("all pages", pages_of_huge, 0);
    collapse("half of them", pages_of_huge / 2, 0);
    collapse("one", 1, 0);
    collapse("none used of late", pages_of_huge, madv_cold);
    collapse_shared();
    return 0;
}
