// What the programs on userfaultfd share: its numbers, as the C libraries' headers may not have them, and a thread that
// answers faults.
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "probe.h"

struct range {
    uint64_t start, length;
};
struct api {
    uint64_t api, features, ioctls;
};
struct registration {
    struct range range;
    uint64_t mode, ioctls;
};
struct copying {
    uint64_t target, source, length, mode;
    int64_t copied;
};
struct filling {
    struct range range;
    uint64_t mode;
    int64_t filled;
};
struct protecting {
    struct range range;
    uint64_t mode;
};
struct message {
    uint8_t event, reserved[7];
    union {
        struct {
            uint64_t flags, address;
            uint32_t thread;
        } fault;
        uint32_t fork_fd;
        struct {
            uint64_t from, to, length;
        } remap;
        struct {
            uint64_t start, end;
        } range;
    } u;
};

#define UFFD_API_CALL _IOWR(0xaa, 0x3f, struct api)
#define UFFD_REGISTER _IOWR(0xaa, 0, struct registration)
#define UFFD_UNREGISTER _IOR(0xaa, 1, struct range)
#define UFFD_WAKE _IOR(0xaa, 2, struct range)
#define UFFD_COPY _IOWR(0xaa, 3, struct copying)
#define UFFD_ZEROPAGE _IOWR(0xaa, 4, struct filling)
#define UFFD_WRITEPROTECT _IOWR(0xaa, 6, struct protecting)
#define UFFD_CONTINUE _IOWR(0xaa, 7, struct filling)
#define UFFD_POISON _IOWR(0xaa, 8, struct filling)

enum { event_fault = 0x12, event_fork, event_remap, event_remove, event_unmap };
enum { mode_missing = 1, mode_wp = 2, mode_minor = 4 };
enum {
    feature_wp = 1 << 0,
    feature_fork = 1 << 1,
    feature_remap = 1 << 2,
    feature_remove = 1 << 3,
    feature_unmap = 1 << 6,
    feature_sigbus = 1 << 7,
    feature_thread_id = 1 << 8,
    feature_minor_shmem = 1 << 10,
    feature_exact = 1 << 11,
    feature_wp_shmem = 1 << 12,
    feature_wp_unpopulated = 1 << 13,
    feature_poison = 1 << 14,
    feature_wp_async = 1 << 15,
};

#define SHOW(call)                                                                                    \
    do {                                                                                              \
        errno = 0;                                                                                    \
        long result_ = (long)(call);                                                                  \
        say("%s: %ld%s%s", #call, result_, errno != 0 ? " " : "", errno != 0 ? strerror(errno) : ""); \
    } while (0)

static inline int open_uffd(int flags) { return (int)syscall(SYS_userfaultfd, flags); }

// A descriptor that has agreed on the features; the program ends where the kernel gives none.
static inline int agreed_uffd(int flags, uint64_t features) {
    int fd = open_uffd(flags);
    if (fd < 0 && (errno == EPERM || errno == ENOSYS)) _exit(exit_unsupported);
    struct api api = {0xaa, features, 0};
    CHECK(fd >= 0);
    if (ioctl(fd, UFFD_API_CALL, &api) != 0) _exit(exit_unsupported);
    return fd;
}

static inline char* map_pages(int count, int flags) {
    char* at = mmap(NULL, (size_t)count * page_size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
    CHECK(at != MAP_FAILED);
    return at;
}
static inline int register_pages(int fd, char* at, int count, uint64_t mode) {
    struct registration request = {{(uintptr_t)at, (uint64_t)count * page_size}, mode, 0};
    return ioctl(fd, UFFD_REGISTER, &request);
}
static inline int unregister_pages(int fd, char* at, int count) {
    struct range range = {(uintptr_t)at, (uint64_t)count * page_size};
    return ioctl(fd, UFFD_UNREGISTER, &range);
}
static inline int copy_pages(int fd, char* target, const char* source, int count, uint64_t mode) {
    struct copying request = {(uintptr_t)target, (uintptr_t)source, (uint64_t)count * page_size, mode, 0};
    int result = ioctl(fd, UFFD_COPY, &request);
    int error = errno;
    if (result != 0) say("copied %ld", (long)request.copied);
    errno = error;
    return result;
}
static inline int fill_pages(int fd, unsigned long call, char* at, int count, uint64_t mode) {
    struct filling request = {{(uintptr_t)at, (uint64_t)count * page_size}, mode, 0};
    int result = ioctl(fd, call, &request);
    int error = errno;
    if (result != 0) say("filled %ld", (long)request.filled);
    errno = error;
    return result;
}
static inline int protect_pages(int fd, char* at, int count, uint64_t mode) {
    struct protecting request = {{(uintptr_t)at, (uint64_t)count * page_size}, mode};
    return ioctl(fd, UFFD_WRITEPROTECT, &request);
}
