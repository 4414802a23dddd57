// Memory calls that stand alone: barriers between tasks, policies of one node, sealed mappings, and what of a file is
// cached.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "probe.h"

enum { sys_mseal = 462, sys_cachestat = 451, sys_home_node = 450 };
enum { policy_default, policy_preferred, policy_bind, policy_interleave, policy_local };

#define SHOW(call)                                                                                    \
    do {                                                                                              \
        errno = 0;                                                                                    \
        long result_ = (long)(call);                                                                  \
        say("%s: %ld%s%s", #call, result_, errno != 0 ? " " : "", errno != 0 ? strerror(errno) : ""); \
    } while (0)

static long barrier(int command, unsigned flags) { return syscall(SYS_membarrier, command, flags, 0); }

static void show_barriers(void) {
    SHOW(barrier(0, 0) & 0x1ff);
    SHOW(barrier(0, 1));
    SHOW(barrier(1, 0));
    SHOW(barrier(2, 0));
    SHOW(barrier(8, 0));
    SHOW(barrier(32, 0));
    SHOW(barrier(512, 0));
    SHOW(barrier(16, 0));
    SHOW(barrier(64, 0));
    SHOW(barrier(8, 0));
    SHOW(barrier(32, 0));
    SHOW(barrier(8, 1));
    SHOW(barrier(512, 0));
    SHOW(barrier(3, 0));
    SHOW(barrier(1024, 0));
    fflush(stdout);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        SHOW(barrier(8, 0));
        SHOW(barrier(512, 0));
        _exit(0);
    }
    CHECK(waitpid(child, NULL, 0) == child);
}

static void show_policies(void) {
    unsigned long one = 1, two = 2, none = 0, mask[16];
    int mode = -1;
    char* at = mmap(NULL, 8 * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(at != MAP_FAILED && munmap(at + 6 * page_size, page_size) == 0);
    SHOW(syscall(SYS_get_mempolicy, &mode, mask, 1024, 0, 0));
    say("mode %d, nodes %lx", mode, mask[0]);
    SHOW(syscall(SYS_get_mempolicy, &mode, mask, 1024, 0, 4));
    say("mode %d, nodes %lx", mode, mask[0]);
    SHOW(syscall(SYS_get_mempolicy, &mode, NULL, 0, at, 0));
    SHOW(syscall(SYS_get_mempolicy, &mode, NULL, 0, 0, 8));
    SHOW(syscall(SYS_get_mempolicy, &mode, mask, 0, 0, 0));
    SHOW(syscall(SYS_get_mempolicy, &mode, NULL, 0, at + 6 * page_size, 2));
    SHOW(syscall(SYS_set_mempolicy, 99, NULL, 0));
    SHOW(syscall(SYS_set_mempolicy, policy_bind, NULL, 0));
    SHOW(syscall(SYS_set_mempolicy, policy_bind, &none, 64));
    SHOW(syscall(SYS_set_mempolicy, policy_bind, &two, 64));
    SHOW(syscall(SYS_set_mempolicy, policy_default, &one, 64));
    SHOW(syscall(SYS_set_mempolicy, policy_bind, (void*)8, 64));
    SHOW(syscall(SYS_set_mempolicy, policy_bind, &one, 64));
    SHOW(syscall(SYS_get_mempolicy, &mode, mask, 1024, 0, 0));
    say("mode %d, nodes %lx", mode, mask[0]);
    SHOW(syscall(SYS_get_mempolicy, &mode, NULL, 0, 0, 1));
    SHOW(syscall(SYS_set_mempolicy, policy_interleave, &one, 64));
    SHOW(syscall(SYS_get_mempolicy, &mode, NULL, 0, 0, 1));
    say("next %d", mode);
    SHOW(syscall(SYS_set_mempolicy, policy_default, NULL, 0));
    SHOW(syscall(SYS_mbind, at, 2 * page_size, policy_bind, &one, 64, 0));
    SHOW(syscall(SYS_mbind, at + 1, page_size, policy_bind, &one, 64, 0));
    SHOW(syscall(SYS_mbind, at, page_size, policy_bind, &one, 64, 8));
    SHOW(syscall(SYS_mbind, at, 8 * page_size, policy_bind, &one, 64, 0));
    SHOW(syscall(SYS_mbind, at, 8 * page_size, policy_default, NULL, 0, 0));
    SHOW(syscall(SYS_mbind, at + 6 * page_size, page_size, policy_default, NULL, 0, 0));
    SHOW(syscall(SYS_mbind, at, page_size, policy_bind, &one, 64, 0));
    SHOW(syscall(SYS_get_mempolicy, &mode, mask, 1024, at, 2));
    say("mode %d, nodes %lx", mode, mask[0]);
    SHOW(syscall(SYS_get_mempolicy, &mode, mask, 1024, at + page_size, 2));
    say("mode %d, nodes %lx", mode, mask[0]);
    SHOW(syscall(SYS_get_mempolicy, &mode, NULL, 0, at, 3));
    say("on node %d", mode);
    SHOW(syscall(sys_home_node, at, page_size, 0, 0));
    SHOW(syscall(sys_home_node, at + page_size, page_size, 0, 0));
    SHOW(syscall(sys_home_node, at, page_size, 5, 0));
    SHOW(syscall(SYS_migrate_pages, 0, 64, &one, &one));
    SHOW(syscall(SYS_migrate_pages, 0, 64, &one, &none));
    at[0] = 1;
    void* pages[4] = {at, at + page_size, at + 6 * page_size, (void*)-4096L};
    int nodes[4] = {0, 0, 0, 0}, where[4] = {99, 99, 99, 99};
    SHOW(syscall(SYS_move_pages, 0, 4, pages, NULL, where, 0));
    say("where %d %d %d %d", where[0], where[1], where[2], where[3]);
    SHOW(syscall(SYS_move_pages, 0, 2, pages, nodes, where, 2));
    say("where %d %d", where[0], where[1]);
    SHOW(syscall(SYS_move_pages, 0, 1, pages, nodes, where, 1));
    SHOW(syscall(SYS_move_pages, 0x3fffff, 1, pages, nodes, where, 0));
    SHOW(syscall(SYS_move_pages, 0, 1, 8, NULL, where, 0));
}

static void show_seals(void) {
    char* at = mmap(NULL, 6 * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(at != MAP_FAILED);
    errno = 0;
    if (syscall(sys_mseal, at, 0, 0) != 0 && errno == ENOSYS) _exit(exit_unsupported);
    SHOW(syscall(sys_mseal, at + 1, page_size, 0));
    SHOW(syscall(sys_mseal, at, page_size, 1));
    SHOW(syscall(sys_mseal, at, -1L, 0));
    SHOW(syscall(sys_mseal, at + 2 * page_size, 2 * page_size, 0));
    SHOW(munmap(at + page_size, 2 * page_size));
    SHOW(mprotect(at + 2 * page_size, page_size, PROT_READ));
    SHOW(mprotect(at + 2 * page_size, page_size, PROT_READ | PROT_WRITE));
    SHOW(madvise(at + 2 * page_size, page_size, MADV_DONTNEED));
    SHOW(mmap(at + 3 * page_size, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED);
    SHOW(mremap(at + 2 * page_size, page_size, 2 * page_size, MREMAP_MAYMOVE) == MAP_FAILED);
    SHOW(mremap(at + 2 * page_size, 2 * page_size, page_size, 0) == MAP_FAILED);
    SHOW(mprotect(at + 4 * page_size, page_size, PROT_READ));
    SHOW(syscall(sys_mseal, at + 4 * page_size, page_size, 0));
    SHOW(madvise(at + 4 * page_size, page_size, MADV_DONTNEED));
    SHOW(madvise(at + 4 * page_size, page_size, MADV_RANDOM));
    SHOW(munmap(at, 2 * page_size));
    at[2 * page_size] = 's';
    say("sealed %c", at[2 * page_size]);
}

static void show_cached(void) {
    int fd = (int)syscall(SYS_memfd_create, "cached", 0);
    struct {
        uint64_t offset, size;
    } range = {0, 0};
    uint64_t statistics[5];
    CHECK(fd >= 0 && ftruncate(fd, 8 * page_size) == 0);
    CHECK(pwrite(fd, "x", 1, 2 * page_size) == 1 && pwrite(fd, "y", 1, 5 * page_size) == 1);
    SHOW(syscall(sys_cachestat, fd, &range, statistics, 0));
    say("cached %d", (int)statistics[0]);
    range.offset = 3 * page_size;
    range.size = 2 * page_size;
    SHOW(syscall(sys_cachestat, fd, &range, statistics, 0));
    say("cached %d", (int)statistics[0]);
    range.size = 2 * page_size + 1;
    SHOW(syscall(sys_cachestat, fd, &range, statistics, 0));
    say("cached %d", (int)statistics[0]);
    SHOW(syscall(sys_cachestat, fd, &range, statistics, 1));
    SHOW(syscall(sys_cachestat, fd, 8, statistics, 0));
    SHOW(syscall(sys_cachestat, -1, &range, statistics, 0));
}

int main(void) {
    show_barriers();
    show_policies();
    show_seals();
    show_cached();
    return 0;
}
