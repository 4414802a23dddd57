// userfaultfd: what it takes and refuses, faults that a thread of the program answers, in its own code and inside of
// system calls, writes that are told, pages of shared memory, and pages that are called unreadable.
#include "userfaultfd.h"

#include <sys/uio.h>

static char source[4 * page_size] __attribute__((aligned(4096)));

// A pager: answers every fault of `base` and says what it was told.
struct pager {
    int fd;
    char* base;
    int faults;
    pthread_t thread;
};

static void answer(struct pager* pager, const struct message* message) {
    CHECK(message->event == event_fault);
    uint64_t flags = message->u.fault.flags;
    long offset = (long)(message->u.fault.address - (uintptr_t)pager->base);
    char* page = pager->base + offset / page_size * page_size;
    say("pager: page %ld +%ld,%s%s%s", offset / page_size, offset % page_size, flags & 1 ? " write" : " read",
        flags & 2 ? " wp" : "", flags & 4 ? " minor" : "");
    ++pager->faults;
    if (flags & 2) {
        CHECK(protect_pages(pager->fd, page, 1, 0) == 0);
    } else if (flags & 4) {
        CHECK(fill_pages(pager->fd, UFFD_CONTINUE, page, 1, 0) == 0);
    } else if (offset / page_size % 2 == 0) {
        source[0] = (char)('A' + offset / page_size);
        CHECK(copy_pages(pager->fd, page, source, 1, 0) == 0);
    } else {
        CHECK(fill_pages(pager->fd, UFFD_ZEROPAGE, page, 1, 0) == 0);
    }
}

static void* run_pager(void* argument) {
    struct pager* pager = argument;
    for (;;) {
        struct pollfd watched = {pager->fd, POLLIN, 0};
        CHECK(poll(&watched, 1, -1) == 1 && watched.revents == POLLIN);
        struct message message;
        ssize_t got = read(pager->fd, &message, sizeof message);
        if (got < 0 && errno == EAGAIN) continue;
        CHECK(got == sizeof message);
        // The program's own end mark: a fault in the last page of all.
        if (message.u.fault.address == (uintptr_t)pager->base + 15 * page_size) break;
        answer(pager, &message);
    }
    CHECK(copy_pages(pager->fd, pager->base + 15 * page_size, source, 1, 0) == 0);
    return NULL;
}

static void start(struct pager* pager, int flags, uint64_t features, uint64_t mode) {
    pager->fd = agreed_uffd(O_CLOEXEC | O_NONBLOCK, features);
    pager->base = map_pages(16, flags);
    pager->faults = 0;
    CHECK(register_pages(pager->fd, pager->base, 16, mode | mode_missing) == 0);
    CHECK(pthread_create(&pager->thread, NULL, run_pager, pager) == 0);
}
static void finish(struct pager* pager) {
    (void)*(volatile char*)(pager->base + 15 * page_size);
    CHECK(pthread_join(pager->thread, NULL) == 0);
    say("faults %d", pager->faults);
    CHECK(close(pager->fd) == 0 && munmap(pager->base, 16 * page_size) == 0);
}

static void show_refusals(void) {
    SHOW(open_uffd(2) < 0);
    int fd = open_uffd(O_NONBLOCK);
    if (fd < 0) _exit(exit_unsupported);
    char* at = map_pages(4, MAP_PRIVATE);
    struct message message;
    struct pollfd watched = {fd, POLLIN, 0};
    SHOW(register_pages(fd, at, 1, mode_missing));
    SHOW(read(fd, &message, sizeof message));
    SHOW(poll(&watched, 1, 0));
    say("events %x", (unsigned)watched.revents);
    struct api api = {0xab, 0, 0};
    SHOW(ioctl(fd, UFFD_API_CALL, &api));
    api = (struct api){0xaa, 1ULL << 50, 0};
    SHOW(ioctl(fd, UFFD_API_CALL, &api));
    say("answered %lx", (unsigned long)api.api);
    SHOW(ioctl(fd, UFFD_API_CALL, 8));
    api = (struct api){0xaa, 0, 0};
    SHOW(ioctl(fd, UFFD_API_CALL, &api));
    // Those for huge pages and for moving pages may be missing.
    say("features %lx, ioctls %lx", (unsigned long)api.features & 0xfdef, (unsigned long)api.ioctls);
    SHOW(ioctl(fd, UFFD_API_CALL, &api));
    SHOW(ioctl(fd, 0x1234, &api));
    SHOW(poll(&watched, 1, 0));
    SHOW(read(fd, &message, sizeof message));
    SHOW(read(fd, &message, 5));
    SHOW(write(fd, &message, 5));
    SHOW(register_pages(fd, at, 1, 0));
    SHOW(register_pages(fd, at, 1, 8));
    SHOW(register_pages(fd, at + 1, 1, mode_missing));
    SHOW(register_pages(fd, at, 0, mode_missing));
    SHOW(register_pages(fd, (char*)0x1000, 1, mode_missing));
    SHOW(register_pages(fd, at, 1, mode_minor));
    struct registration request = {{(uintptr_t)at, 4 * page_size}, mode_missing | mode_wp, 0};
    SHOW(ioctl(fd, UFFD_REGISTER, &request));
    say("ioctls %lx", (unsigned long)request.ioctls & ~0x20UL);
    int other = agreed_uffd(O_NONBLOCK, 0);
    SHOW(register_pages(other, at, 1, mode_missing));
    SHOW(unregister_pages(other, at, 1));
    SHOW(copy_pages(fd, at, source, 1, 4));
    SHOW(copy_pages(fd, at, source + 1, 1, 0));
    SHOW(copy_pages(fd, at, source, 1, 0));
    SHOW(copy_pages(fd, at, source, 1, 0));
    SHOW(copy_pages(fd, at + page_size, source, 5, 0));
    SHOW(copy_pages(fd, at + page_size, (char*)0x10000, 1, 0));
    SHOW(fill_pages(fd, UFFD_CONTINUE, at + page_size, 1, 0));
    SHOW(fill_pages(fd, UFFD_ZEROPAGE, at, 2, 0));
    SHOW(fill_pages(fd, UFFD_ZEROPAGE, at + page_size, 1, 2));
    SHOW(fill_pages(fd, UFFD_ZEROPAGE, at + page_size, 1, 0));
    SHOW(protect_pages(fd, at, 1, 3));
    SHOW(protect_pages(fd, at, 1, 4));
    SHOW(unregister_pages(fd, at + page_size, 1));
    SHOW(protect_pages(fd, at, 4, 1));
    SHOW(unregister_pages(fd, at, 4));
    SHOW(copy_pages(fd, at + 2 * page_size, source, 1, 0));
    char* text = mmap(NULL, page_size, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(mprotect(text, page_size, PROT_READ) == 0);
    SHOW(register_pages(fd, text, 1, mode_missing | mode_minor | mode_wp));
    CHECK(close(fd) == 0 && close(other) == 0);
    CHECK(munmap(at, 4 * page_size) == 0 && munmap(text, page_size) == 0);
}

static void show_missing(void) {
    struct pager pager;
    start(&pager, MAP_PRIVATE, feature_exact, 0);
    char* at = pager.base;
    say("read %d", *(volatile char*)(at + 7));
    at[1] = 'x';
    at[page_size + 100] = 'y';
    say("then %c %c %d", at[0], at[page_size + 100], at[page_size]);
    // Inside of system calls.
    int ends[2];
    CHECK(pipe(ends) == 0);
    SHOW(write(ends[1], at + 2 * page_size, 1));
    SHOW(read(ends[0], at + 3 * page_size + 8, 1));
    say("through a pipe %c", at[3 * page_size + 8]);
    struct iovec own = {source + page_size, 1}, theirs = {at + 4 * page_size, 1};
    SHOW(process_vm_readv(getpid(), &own, 1, &theirs, 1, 0));
    say("by process_vm_readv %c", source[page_size]);
    SHOW(mlock(at + 5 * page_size, page_size));
    SHOW(madvise(at + 6 * page_size, 2 * page_size, 22));  // MADV_POPULATE_READ
    SHOW(madvise(at, page_size, MADV_DONTNEED));
    say("again %c", at[0]);
    char* moved =
        mremap(at + 8 * page_size, page_size, page_size, MREMAP_MAYMOVE | MREMAP_FIXED, map_pages(1, MAP_PRIVATE));
    say("moved away %d", *(volatile char*)moved);
    SHOW(unregister_pages(pager.fd, at + 9 * page_size, 1));
    say("unregistered %d", *(volatile char*)(at + 9 * page_size));
    finish(&pager);
    CHECK(munmap(moved, page_size) == 0 && close(ends[0]) == 0 && close(ends[1]) == 0);
}

static void show_protection(void) {
    struct pager pager;
    start(&pager, MAP_PRIVATE, feature_wp | feature_wp_unpopulated, mode_wp);
    char* at = pager.base;
    at[0] = 'a';
    CHECK(copy_pages(pager.fd, at + 2 * page_size, source, 1, 2) == 0);
    at[2 * page_size] = 'b';
    SHOW(protect_pages(pager.fd, at, 1, 1));
    say("read %c", *(volatile char*)at);
    at[0] = 'A';
    at[0] = 'B';
    SHOW(protect_pages(pager.fd, at + 10 * page_size, 2, 1));
    say("unpopulated: read %d", *(volatile char*)(at + 10 * page_size));
    at[10 * page_size] = 'w';
    SHOW(protect_pages(pager.fd, at, 1, 1));
    SHOW(mprotect(at, page_size, PROT_READ));
    SHOW(mprotect(at, page_size, PROT_READ | PROT_WRITE));
    at[1] = 'C';
    say("%.2s, %c, %c", at, at[2 * page_size], at[10 * page_size]);
    finish(&pager);
}

static void show_shared(void) {
    struct pager pager;
    start(&pager, MAP_SHARED, feature_minor_shmem | feature_wp | feature_wp_shmem, mode_minor | mode_wp);
    char* at = pager.base;
    char* other = mremap(at, 0, 16 * page_size, MREMAP_MAYMOVE);
    CHECK(other != MAP_FAILED);
    other[page_size] = 'o';
    say("minor %c", *(volatile char*)(at + page_size));
    at[2 * page_size] = 'm';
    say("missing, then %c", other[2 * page_size]);
    SHOW(copy_pages(pager.fd, at + page_size, source, 1, 0));
    SHOW(protect_pages(pager.fd, at + page_size, 1, 1));
    other[page_size] = 'p';
    SHOW(madvise(at + page_size, page_size, MADV_DONTNEED));
    at[page_size] = 'q';
    say("protected %c", other[page_size]);
    SHOW(fill_pages(pager.fd, UFFD_CONTINUE, at + 5 * page_size, 1, 0));
    finish(&pager);
    CHECK(munmap(other, 16 * page_size) == 0);
}

static void show_signals(void) {
    int fd = agreed_uffd(O_NONBLOCK, feature_sigbus | feature_poison);
    char* at = map_pages(4, MAP_PRIVATE);
    CHECK(register_pages(fd, at, 4, mode_missing) == 0);
    say("missing %s", code_name(probe_read(at)));
    SHOW(write(fd, at, 1));
    SHOW(syscall(SYS_clock_gettime, 0, at));
    CHECK(copy_pages(fd, at, source, 1, 0) == 0);
    say("filled %s", code_name(probe_write(at, 'f')));
    SHOW(fill_pages(fd, UFFD_POISON, at, 1, 0));
    SHOW(fill_pages(fd, UFFD_POISON, at + page_size, 2, 0));
    say("poisoned %d", probe_read(at + page_size) - probe_bus);
    SHOW(syscall(SYS_clock_gettime, 0, at + page_size));
    SHOW(fill_pages(fd, UFFD_ZEROPAGE, at + page_size, 1, 0));
    SHOW(copy_pages(fd, at + page_size, source, 1, 0));
    say("mended %s", code_name(probe_read(at + page_size)));
    SHOW(madvise(at + 2 * page_size, page_size, MADV_DONTNEED));
    say("gone %s", code_name(probe_read(at + 2 * page_size)));
    CHECK(close(fd) == 0);
    say("closed %s", code_name(probe_read(at + 3 * page_size)));
    CHECK(munmap(at, 4 * page_size) == 0);
    fd = agreed_uffd(O_NONBLOCK | 1, 0);
    at = map_pages(1, MAP_PRIVATE);
    CHECK(register_pages(fd, at, 1, mode_missing) == 0);
    SHOW(syscall(SYS_clock_gettime, 0, at));
    CHECK(close(fd) == 0 && munmap(at, page_size) == 0);
    // Writes that are noted without anybody being asked.
    fd = agreed_uffd(O_NONBLOCK, feature_wp_async);
    at = map_pages(1, MAP_PRIVATE);
    at[0] = 'n';
    CHECK(register_pages(fd, at, 1, mode_wp) == 0 && protect_pages(fd, at, 1, 1) == 0);
    int pagemap = open("/proc/self/pagemap", O_RDONLY);
    uint64_t word[2];
    CHECK(pagemap >= 0 && pread(pagemap, word, 8, (long)((uintptr_t)at / page_size * 8)) == 8);
    at[0] = 'm';
    CHECK(pread(pagemap, word + 1, 8, (long)((uintptr_t)at / page_size * 8)) == 8);
    say("protected %d, after the write %d", (int)(word[0] >> 57 & 1), (int)(word[1] >> 57 & 1));
    CHECK(close(fd) == 0 && close(pagemap) == 0);
}

int main(void) {
    probe_install();
    show_refusals();
    show_missing();
    show_protection();
    show_shared();
    show_signals();
    return 0;
}
