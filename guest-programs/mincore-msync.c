// mincore-msync: what is in memory, page by page, and writing it back: every refusal of mincore and msync; and memory
// that is copied by process_vm_readv and process_vm_writev.
#define _GNU_SOURCE
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <string.h>

#include "guest.h"

enum { pages = 12, read_write = PROT_READ | PROT_WRITE };

static char* base;

static char* page(long number) { return base + number * page_size; }

static const char* error_name(void) {
    switch (errno) {
        case EINVAL: return "EINVAL";
        case ENOMEM: return "ENOMEM";
        case EFAULT: return "EFAULT";
        case EBUSY: return "EBUSY";
        case ESRCH: return "ESRCH";
        default: return "another errno";
    }
}

static void answer(const char* what, long result) {
    if (result < 0) {
        say("%-60s %s", what, error_name());
    } else {
        say("%-60s %ld", what, result);
    }
}

#define TRY(call) answer(#call, call)

static long core(void* at, size_t size, void* into) { return syscall(SYS_mincore, at, size, into); }
static long sync_to(void* at, size_t size, int flags) { return syscall(SYS_msync, at, size, flags); }
static long copy_in(pid_t pid, struct iovec* own, long own_count, struct iovec* theirs, long their_count, long flags) {
    return syscall(SYS_process_vm_readv, pid, own, own_count, theirs, their_count, flags);
}
static long copy_out(pid_t pid, struct iovec* own, long own_count, struct iovec* theirs, long their_count) {
    return syscall(SYS_process_vm_writev, pid, own, own_count, theirs, their_count, 0);
}

static void show(const char* what) {
    unsigned char in[pages];
    char line[pages + 1] = {0};
    memset(in, 9, sizeof in);
    long result = core(page(0), pages * page_size, in);
    for (int i = 0; i < pages; ++i) line[i] = (char)('0' + in[i]);
    say("%-60s %s %s", what, line, result ? error_name() : "ok");
}

int main(void) {
    base = mmap(NULL, 64 * page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(base != MAP_FAILED);
    base += 16 * page_size;
    CHECK(mmap(page(0), 4 * page_size, read_write, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page(0));
    CHECK(mmap(page(4), 4 * page_size, read_write, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page(4));

    say("-- mincore");
    show("untouched");
    *page(1) = 1;
    (void)*(volatile char*)page(2);
    *page(6) = 1;
    show("1 written, 2 read, 6 written in shared memory");
    CHECK(madvise(page(0), 8 * page_size, MADV_DONTNEED) == 0);
    show("given up: shared memory keeps its page");
    CHECK(munmap(page(9), page_size) == 0);
    show("a hole at 9: what lies before it is answered");
    unsigned char in[4];
    TRY(core(page(0) + 1, page_size, in));
    TRY(core(page(0), 1, in));
    TRY(core(page(0), 0, in));
    TRY(core(page(9), 0, in));
    TRY(core(page(9), page_size, in));
    TRY(core(page(0), page_size, (void*)8));
    TRY(core(page(9), page_size, (void*)8));
    TRY(core((void*)0x7ffffffff000, page_size, in));
    TRY(core(page(0), page_size, (void*)0xffff800000000000));
    TRY(core(page(0), (size_t)-1, in));

    say("-- msync");
    TRY(sync_to(page(0), page_size, MS_SYNC));
    TRY(sync_to(page(4), 4 * page_size, MS_SYNC));
    TRY(sync_to(page(4), 4 * page_size, MS_ASYNC));
    TRY(sync_to(page(0), page_size, 0));
    TRY(sync_to(page(0), page_size, MS_SYNC | MS_ASYNC));
    TRY(sync_to(page(0), page_size, 8));
    TRY(sync_to(page(0) + 1, page_size, MS_SYNC));
    TRY(sync_to(page(0), (size_t)-page_size, MS_SYNC));
    TRY(sync_to(page(0), (size_t)-1, MS_SYNC));
    TRY(sync_to(page(9), 0, MS_SYNC));
    TRY(sync_to(page(9), page_size, MS_SYNC));
    TRY(sync_to(page(8), 3 * page_size, MS_SYNC));
    TRY(sync_to(page(8), 3 * page_size, MS_ASYNC));
    CHECK(mlock(page(2), page_size) == 0);
    TRY(sync_to(page(0), 4 * page_size, MS_ASYNC | MS_INVALIDATE));
    TRY(sync_to(page(0), 2 * page_size, MS_ASYNC | MS_INVALIDATE));
    TRY(sync_to(page(2), 9 * page_size, MS_INVALIDATE));
    CHECK(munlock(page(2), page_size) == 0);

    say("-- process_vm_readv, process_vm_writev");
    pid_t self = getpid();
    char text[8] = "abcdefg", copy[8] = "";
    struct iovec own = {copy, 8}, theirs = {text, 8}, none = {copy, 0}, huge = {copy, (size_t)-1};
    struct iovec pieces[3] = {{copy, 3}, {copy, 0}, {copy + 3, 5}};
    TRY(copy_in(self, &own, 1, &theirs, 1, 0));
    TRY(copy_in(self, pieces, 3, &theirs, 1, 0));
    say("%s", copy);
    TRY(copy_in(self, &own, 1, &theirs, 1, 1));
    TRY(copy_in(-1, &own, 1, &theirs, 1, 0));
    TRY(copy_in(0, &own, 1, &theirs, 1, 0));
    TRY(copy_in(999999999, &own, 1, &theirs, 1, 0));
    TRY(copy_in(999999999, &none, 1, &theirs, 1, 0));
    TRY(copy_in(999999999, &own, 1, &none, 1, 0));
    TRY(copy_in(999999999, &own, 0, &theirs, 1, 0));
    TRY(copy_in(self, &own, 1025, &theirs, 1, 0));
    TRY(copy_in(self, &own, 1, &theirs, 1025, 0));
    TRY(copy_in(self, &huge, 1, &theirs, 1, 0));
    TRY(copy_in(self, &own, 1, &huge, 1, 0));
    TRY(copy_in(self, (struct iovec*)8, 1, &theirs, 1, 0));
    TRY(copy_in(self, &own, 1, (struct iovec*)8, 1, 0));
    struct iovec edge = {page(9) - 4, 8}, hole = {page(9), 8}, kernel = {(void*)0xffff800000000000, 8};
    CHECK(mprotect(page(8), page_size, read_write) == 0);
    TRY(copy_in(self, &own, 1, &edge, 1, 0));
    TRY(copy_in(self, &own, 1, &hole, 1, 0));
    TRY(copy_in(self, &hole, 1, &theirs, 1, 0));
    TRY(copy_in(self, &edge, 1, &theirs, 1, 0));
    TRY(copy_in(self, &own, 1, &kernel, 1, 0));
    TRY(copy_in(self, &kernel, 1, &theirs, 1, 0));
    CHECK(mprotect(page(0), page_size, PROT_READ) == 0);
    struct iovec read_only = {page(0), 8}, writable = {page(1), 8};
    TRY(copy_out(self, &theirs, 1, &read_only, 1));
    TRY(copy_out(self, &theirs, 1, &writable, 1));
    TRY(copy_out(self, &theirs, 1, &edge, 1));
    say("%s", page(1));
    return 0;
}
