// thp: large pages of 2 MiB in memory that asks for them: what brings one, what splits it, what leaves it whole, and
// how fork and MADV_COLLAPSE deal with it.
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "read-text.h"

enum { huge_page = 2 << 20, pages_of_huge = huge_page / page_size, madv_collapse = 25 };

static char text[1 << 18];

// The number behind `field` in the entry of smaps for the mapping that begins at `start`; -1: there is none.
static long smaps(const char* start, const char* field) {
    char line[32];
    read_text("/proc/self/smaps", text, sizeof text);
    snprintf(line, sizeof line, "%lx-", (unsigned long)start);
    for (const char* at = text; at != NULL; at = strchr(at, '\n')) {
        if (*at == '\n') ++at;
        if (strncmp(at, line, strlen(line)) != 0) continue;
        const char* found = strstr(at, field);
        return found != NULL ? atol(found + strlen(field)) : -1;
    }
    return -1;
}

static void show(const char* what, const char* start) {
    say("%-44s Rss %5ld kB, AnonHugePages %5ld kB", what, smaps(start, "\nRss:"), smaps(start, "\nAnonHugePages:"));
}

static const char* error_name(long result) {
    if (result == 0) return "ok";
    return errno == EINVAL ? "EINVAL" : errno == ENOMEM ? "ENOMEM" : "another errno";
}

// `size` bytes at a huge-page boundary, with nothing beside them that they could join.
static char* place(size_t size, int advice) {
    char* raw = mmap(NULL, size + 2 * huge_page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(raw != MAP_FAILED);
    char* start = (char*)(((uintptr_t)raw + huge_page) & ~(uintptr_t)(huge_page - 1));
    char* made = mmap(start, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(made == start);
    if (advice != 0) CHECK(madvise(start, size, advice) == 0);
    return start;
}

static void fill(volatile char* start, long pages) {
    for (long page = 0; page < pages; ++page) start[page * page_size] = (char)(page % 100 + 1);
}

// How many of the pages hold what fill() put there.
static long intact(const volatile char* start, long pages) {
    long count = 0;
    for (long page = 0; page < pages; ++page) count += start[page * page_size] == (char)(page % 100 + 1);
    return count;
}

static void first_touch(void) {
    char* start = place(huge_page, MADV_HUGEPAGE);
    say("THPeligible %ld, page size %ld kB", smaps(start, "\nTHPeligible:"), smaps(start, "\nKernelPageSize:"));
    say("faults of one write: %ld", FAULTS_OF(((volatile char*)start)[5 * page_size] = 1));
    say("faults of another page: %ld", FAULTS_OF(((volatile char*)start)[500 * page_size] = 1));
    show("after one write", start);
    unsigned char in[pages_of_huge];
    CHECK(mincore(start, huge_page, in) == 0);
    long count = 0;
    for (int i = 0; i < pages_of_huge; ++i) count += in[i] & 1;
    say("mincore: %ld pages", count);
    char* plain = place(huge_page, MADV_NOHUGEPAGE);
    *(volatile char*)plain = 1;
    show("under MADV_NOHUGEPAGE", plain);
    say("THPeligible %ld", smaps(plain, "\nTHPeligible:"));
    char* narrow = place(huge_page - page_size, MADV_HUGEPAGE);
    *(volatile char*)narrow = 1;
    show("with a page too few", narrow);
    CHECK(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0);
    char* off = place(huge_page, MADV_HUGEPAGE);
    *(volatile char*)off = 1;
    show("under PR_SET_THP_DISABLE", off);
    CHECK(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0) == 0);
}

static void parts(void) {
    char* start = place(huge_page, MADV_HUGEPAGE);
    fill(start, pages_of_huge);
    CHECK(mprotect(start, huge_page, PROT_READ) == 0);
    CHECK(mprotect(start, huge_page, PROT_READ | PROT_WRITE) == 0);
    show("mprotect of all, and back", start);
    CHECK(madvise(start, huge_page, MADV_DONTNEED) == 0);
    show("MADV_DONTNEED of all", start);
    fill(start, pages_of_huge);
    show("touched again", start);
    CHECK(madvise(start + 9 * page_size, page_size, MADV_DONTNEED) == 0);
    show("MADV_DONTNEED of one page", start);
    say("intact: %ld", intact(start, pages_of_huge));

    start = place(huge_page, MADV_HUGEPAGE);
    fill(start, pages_of_huge);
    CHECK(munmap(start + 100 * page_size, huge_page - 100 * page_size) == 0);
    show("munmap of the end", start);
    say("intact: %ld", intact(start, 100));

    start = place(huge_page, MADV_HUGEPAGE);
    fill(start, pages_of_huge);
    CHECK(mprotect(start + 500 * page_size, page_size, PROT_READ) == 0);
    show("mprotect of one page", start);
    say("intact: %ld", intact(start, pages_of_huge));

    start = place(huge_page, MADV_HUGEPAGE);
    char* target = place(huge_page, 0);
    fill(start, pages_of_huge);
    CHECK(mremap(start, huge_page, huge_page, MREMAP_MAYMOVE | MREMAP_FIXED, target) == target);
    show("mremap to another boundary", target);
    say("intact: %ld", intact(target, pages_of_huge));
    start = place(2 * huge_page, 0) + page_size;
    CHECK(mremap(target, huge_page, huge_page, MREMAP_MAYMOVE | MREMAP_FIXED, start) == start);
    show("mremap to elsewhere", start);
    say("intact: %ld", intact(start, pages_of_huge));
}

static void in_child(char* start) {
    show("the child", start);
    say("the child: intact %ld", intact(start, pages_of_huge));
    start[7 * page_size] = 1;
    show("the child after a write", start);
}

static void fork_it(void) {
    char* start = place(huge_page, MADV_HUGEPAGE);
    fill(start, pages_of_huge);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        in_child(start);
        _exit(0);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    show("the parent", start);
    say("the parent: intact %ld", intact(start, pages_of_huge));
    ((volatile char*)start)[8 * page_size] = 9;
    show("the parent after a write", start);
}

static void collapse(void) {
    char* start = place(2 * huge_page, MADV_NOHUGEPAGE);
    for (long page = 0; page < pages_of_huge; page += 3) start[page * page_size] = (char)(page % 100 + 1);
    say("MADV_COLLAPSE under MADV_NOHUGEPAGE: %s", error_name(madvise(start, huge_page, madv_collapse)));
    CHECK(madvise(start, 2 * huge_page, MADV_HUGEPAGE) == 0);
    show("in pages of 4 KiB", start);
    say("MADV_COLLAPSE: %s", error_name(madvise(start, huge_page, madv_collapse)));
    show("collapsed", start);
    long same = 0;
    for (long page = 0; page < pages_of_huge; ++page) {
        same += start[page * page_size] == (char)(page % 3 == 0 ? page % 100 + 1 : 0);
    }
    say("intact: %ld", same);
    say("MADV_COLLAPSE once more: %s", error_name(madvise(start, huge_page, madv_collapse)));
    say("MADV_COLLAPSE of nothing: %s", error_name(madvise(start + huge_page, huge_page, madv_collapse)));
    say("MADV_COLLAPSE of both: %s", error_name(madvise(start, 2 * huge_page, madv_collapse)));
    say("MADV_COLLAPSE of less: %s", error_name(madvise(start + page_size, huge_page, madv_collapse)));
    say("MADV_COLLAPSE within: %s", error_name(madvise(start + page_size, page_size, madv_collapse)));
}

int main(void) {
    read_text("/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof text);
    if (strstr(text, "[never]") != NULL) {
        say("there are no large pages here");
        return exit_unsupported;
    }
    char* probe = place(huge_page, MADV_HUGEPAGE);
    *(volatile char*)probe = 1;
    if (smaps(probe, "\nAnonHugePages:") != huge_page / 1024) {
        say("no large page is free here");
        return exit_unsupported;
    }
    first_touch();
    parts();
    fork_it();
    collapse();
    return 0;
}
