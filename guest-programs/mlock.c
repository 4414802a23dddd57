// mlock: memory that is kept in: what mlock, mlock2, mlockall and MAP_LOCKED bring in at once, what they refuse, and
// what locked memory refuses in turn. Pages that are in memory are letters in a line, one for each page.
#define _GNU_SOURCE
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "probe.h"

#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif
#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4
#endif

enum { pages = 16, read_write = PROT_READ | PROT_WRITE, anonymous = MAP_PRIVATE | MAP_ANONYMOUS };

static char* base;

static char* page(long number) { return base + number * page_size; }

static const char* error_name(void) {
    switch (errno) {
        case EINVAL: return "EINVAL";
        case ENOMEM: return "ENOMEM";
        case EAGAIN: return "EAGAIN";
        case EBUSY: return "EBUSY";
        case EPERM: return "EPERM";
        default: return "another errno";
    }
}

#define TRY(call) say("%-58s %s", #call, (call) == -1 ? error_name() : "ok")

static long lock(void* address, size_t size) { return syscall(SYS_mlock, address, size); }
static long lock2(void* address, size_t size, int flags) { return syscall(SYS_mlock2, address, size, flags); }
static long unlock(void* address, size_t size) { return syscall(SYS_munlock, address, size); }
static long lock_all(int flags) { return syscall(SYS_mlockall, flags); }
static long advise(void* address, size_t size, int advice) { return syscall(SYS_madvise, address, size, advice); }

static void show(const char* what) {
    unsigned char in[pages];
    char line[pages + 1] = {0};
    for (int i = 0; i < pages; ++i) {
        int known = syscall(SYS_mincore, page(i), page_size, &in[i]) == 0;
        line[i] = !known ? '.' : in[i] ? 'M' : '-';
    }
    say("%-58s %s", what, line);
}

static void fresh(int protection, int flags) {
    CHECK(mmap(base, pages * page_size, protection, flags | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == base);
}

int main(void) {
    need_root();
    probe_install();
    base = mmap(NULL, 1024 * page_size, PROT_NONE, anonymous, -1, 0);
    CHECK(base != MAP_FAILED);
    base += 3 * page_size;

    say("-- mlock");
    fresh(read_write, MAP_PRIVATE);
    show("mapped");
    TRY(lock(page(2) + 100, 2 * page_size));
    show("locked from inside page 2 to inside page 4");
    say("reading page 3: %ld faults", FAULTS_OF(*(volatile char*)page(3)));
    say("writing page 3: %ld faults", FAULTS_OF(*(volatile char*)page(3) = 1));
    long before = minor_faults();
    CHECK(lock(page(8), 4 * page_size) == 0);
    say("locking four pages: %ld faults", minor_faults() - before);
    fresh(PROT_READ, MAP_PRIVATE);
    TRY(lock(page(0), 3 * page_size));
    show("read-only pages");
    fresh(read_write, MAP_SHARED);
    TRY(lock(page(0), 3 * page_size));
    show("shared pages");
    fresh(PROT_NONE, MAP_PRIVATE);
    TRY(lock(page(0), 3 * page_size));
    show("pages without rights are locked, and not brought in");
    TRY(advise(page(0), page_size, MADV_DONTNEED));
    fresh(read_write, MAP_PRIVATE);
    TRY(munmap(page(4), page_size));
    TRY(lock(page(2), 4 * page_size));
    show("up to a hole");
    TRY(advise(page(2), page_size, MADV_DONTNEED));
    TRY(advise(page(5), page_size, MADV_DONTNEED));
    TRY(lock(page(4), page_size));
    TRY(lock(page(0), 0));
    TRY(lock(page(4), 0));
    TRY(lock(page(0), (size_t)-1));
    TRY(lock(page(0), (size_t)-page_size - 1));

    say("-- mlock2");
    fresh(read_write, MAP_PRIVATE);
    TRY(lock2(page(0), 4 * page_size, MLOCK_ONFAULT));
    show("on fault: nothing is brought in");
    *(volatile char*)page(1) = 1;
    show("page 1 is written");
    TRY(advise(page(1), page_size, MADV_DONTNEED));
    TRY(lock2(page(0), 2 * page_size, 0));
    show("pages 0 and 1 once more, at once");
    TRY(lock2(page(0), page_size, 2));
    TRY(lock2(page(0), page_size, -1));

    say("-- what locked memory refuses");
    TRY(advise(page(0), page_size, MADV_DONTNEED));
    TRY(advise(page(0), page_size, MADV_FREE));
    TRY(advise(page(0), page_size, 20));   // MADV_COLD
    TRY(advise(page(0), page_size, 21));   // MADV_PAGEOUT
    TRY(advise(page(0), page_size, 102));  // MADV_GUARD_INSTALL
    TRY(msync(page(0), page_size, MS_ASYNC | MS_INVALIDATE));
    TRY(msync(page(0), page_size, MS_SYNC));
    TRY(unlock(page(0), 4 * page_size));
    show("unlocked: all stays until it is given up");
    TRY(advise(page(0), page_size, MADV_DONTNEED));
    show("page 0 is given up");
    TRY(unlock(page(0), 40 * page_size));
    TRY(munmap(page(4), page_size));
    TRY(unlock(page(3), 4 * page_size));

    say("-- MAP_LOCKED");
    fresh(read_write, MAP_PRIVATE | MAP_LOCKED);
    show("private");
    TRY(advise(page(0), page_size, MADV_DONTNEED));
    fresh(PROT_NONE, MAP_PRIVATE | MAP_LOCKED);
    show("without rights");
    fresh(read_write, MAP_SHARED | MAP_POPULATE);
    show("MAP_POPULATE, shared");
    fresh(PROT_READ, MAP_PRIVATE | MAP_POPULATE);
    show("MAP_POPULATE, read-only");
    fresh(read_write, MAP_PRIVATE | MAP_POPULATE | MAP_NONBLOCK);
    show("MAP_POPULATE and MAP_NONBLOCK");

    say("-- mlockall");
    TRY(lock_all(0));
    TRY(lock_all(MCL_ONFAULT));
    TRY(lock_all(8));
    fresh(read_write, MAP_PRIVATE);
    TRY(lock_all(MCL_CURRENT | MCL_ONFAULT));
    show("current, on fault");
    TRY(advise(page(0), page_size, MADV_DONTNEED));
    fresh(read_write, MAP_PRIVATE);
    show("what is mapped later is not concerned");
    TRY(lock_all(MCL_FUTURE));
    show("future");
    fresh(read_write, MAP_PRIVATE);
    show("mapped now");
    TRY(advise(page(0), page_size, MADV_DONTNEED));
    char* end = sbrk(0);
    if (end == (char*)-1 || syscall(SYS_brk, end + 3 * page_size) != (long)(end + 3 * page_size)) {
        say("brk is refused");
    } else {
        say("the heap grows by what is locked at once: %ld faults",
            FAULTS_OF(*(volatile char*)(end + 2 * page_size) = 1));
    }
    TRY(lock_all(MCL_FUTURE | MCL_ONFAULT));
    fresh(read_write, MAP_PRIVATE);
    show("future, on fault");
    TRY(advise(page(0), page_size, MADV_DONTNEED));
    TRY((int)syscall(SYS_munlockall));
    TRY(advise(page(0), page_size, MADV_DONTNEED));
    fresh(read_write, MAP_PRIVATE);
    show("after munlockall");
    return 0;
}
