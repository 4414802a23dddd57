// Memory of other processes: process_vm_readv and _writev, /proc/PID/mem, pagemap and clear_refs of a child, who may
// and who may not, and advice on memory that is somebody else's.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "probe.h"

enum { pages = 4, sys_process_mrelease = 448 };
static char* memory;
static int to_child[2], to_parent[2];

#define SHOW(call)                                                                                    \
    do {                                                                                              \
        errno = 0;                                                                                    \
        long result_ = (long)(call);                                                                  \
        say("%s: %ld%s%s", #call, result_, errno != 0 ? " " : "", errno != 0 ? strerror(errno) : ""); \
    } while (0)

static long transfer(int number, pid_t pid, void* own, void* theirs, size_t size) {
    struct iovec local = {own, size}, remote = {theirs, size};
    return syscall(number, (long)pid, &local, 1L, &remote, 1L, 0L);
}
#define READ(pid, own, theirs, size) transfer(SYS_process_vm_readv, pid, own, theirs, size)
#define WRITE(pid, own, theirs, size) transfer(SYS_process_vm_writev, pid, own, theirs, size)

static void tell(int fd) { CHECK(write(fd, "", 1) == 1); }
static void hear(int fd) {
    char byte;
    CHECK(read(fd, &byte, 1) == 1);
}

static int open_of(pid_t pid, const char* name, int flags) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    return open(path, flags);
}

static pid_t start_child(void) {
    CHECK(pipe(to_child) == 0 && pipe(to_parent) == 0);
    // A place that parent and child name alike.
    memory = mmap((void*)0x10000000, (pages + 8) * page_size, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(memory != MAP_FAILED && munmap(memory + pages * page_size, 8 * page_size) == 0);
    memcpy(memory, "first", 6);
    memory[page_size] = 'p';
    CHECK(mprotect(memory + 3 * page_size, page_size, PROT_READ) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        // What it sees each time the parent has done something.
        CHECK(mmap(memory + 8 * page_size, page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
              memory + 8 * page_size);
        tell(to_parent[1]);
        hear(to_child[0]);
        say("child: %.5s, %c, untouched %d", memory, memory[page_size], memory[2 * page_size]);
        tell(to_parent[1]);
        hear(to_child[0]);
        _exit(0);
    }
    hear(to_parent[0]);
    return child;
}

static void show_transfers(pid_t child) {
    char text[3 * page_size];
    memset(text, '.', sizeof text);
    SHOW(READ(child, text, memory, 5));
    say("read %.5s", text);
    // The child's page is shared with ours: it gets its own, and ours stays.
    SHOW(WRITE(child, "other", memory, 5));
    SHOW(WRITE(child, "q", memory + page_size, 1));
    say("mine %.5s %c", memory, memory[page_size]);
    SHOW(READ(child, text, memory + 2 * page_size, page_size));
    say("untouched %d", text[0]);
    SHOW(WRITE(child, "x", memory + 3 * page_size, 1));
    SHOW(READ(child, text, memory + 3 * page_size, 1));
    SHOW(READ(child, text, memory + 8 * page_size, 1));
    SHOW(READ(child, text, memory + 2 * page_size, 3 * page_size));
    SHOW(WRITE(child, text, memory + 2 * page_size + 1, 2 * page_size));
    SHOW(WRITE(child, "\0\0", memory + 2 * page_size, 2));
    SHOW(READ(child, (void*)8, memory, 5));
    SHOW(READ(child, text, (void*)8, 5));
    SHOW(READ(child, text, (void*)-4096L, 5));
    struct iovec local[3] = {{text, 2}, {text + 10, 0}, {text + 20, 3}};
    struct iovec remote[2] = {{memory, 4}, {memory + page_size, 1}};
    SHOW(process_vm_readv(child, local, 3, remote, 2, 0));
    say("gathered %.2s %.3s", text, text + 20);
    SHOW(process_vm_readv(child, local, 3, remote, 2, 1));
    SHOW(process_vm_readv(child, local, 0, remote, 2, 0));
    SHOW(process_vm_readv(child, local, 3, remote, 0, 0));
    SHOW(process_vm_readv(child, local, 3, remote, 1025, 0));
    SHOW(process_vm_readv(0x3fffff, local, 3, remote, 2, 0));
    SHOW(process_vm_readv(-1, local, 3, remote, 2, 0));
    SHOW(process_vm_readv(getpid(), local, 3, remote, 2, 0));
    say("own %.2s %.3s", text, text + 20);
}

static void show_proc(pid_t child) {
    int mem = open_of(child, "mem", O_RDWR), pagemap = open_of(child, "pagemap", O_RDONLY);
    CHECK(mem >= 0 && pagemap >= 0);
    char text[16] = "";
    SHOW(pread(mem, text, 5, (long)memory));
    say("mem %s", text);
    SHOW(pwrite(mem, "force", 5, (long)memory + 3 * page_size));
    SHOW(pread(mem, text, 5, (long)memory + 3 * page_size));
    say("mem %s, mine %d", text, memory[3 * page_size]);
    SHOW(pread(mem, text, 1, (long)memory + 8 * page_size));
    SHOW(pread(mem, text, 1, (long)memory + 9 * page_size));
    uint64_t words[pages];
    SHOW(pread(pagemap, words, sizeof words, (long)memory / page_size * 8));
    for (int i = 0; i < pages; ++i) {
        say("page %d: present %d, exclusive %d", i, (int)(words[i] >> 63), (int)(words[i] >> 56 & 1));
    }
    int clear = open_of(child, "clear_refs", O_WRONLY);
    CHECK(clear >= 0);
    SHOW(write(clear, "1", 1));
    SHOW(write(clear, " 5\n", 3));
    SHOW(write(clear, "6", 1));
    SHOW(write(clear, "x", 1));
    SHOW(read(clear, text, 1));
    tell(to_child[1]);
    hear(to_parent[0]);
    tell(to_child[1]);
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    SHOW(pread(mem, text, 5, (long)memory));
    SHOW(pwrite(mem, text, 5, (long)memory));
    SHOW(pread(pagemap, words, sizeof words, (long)memory / page_size * 8));
    SHOW(READ(child, text, memory, 5));
}

static void show_advice(void) {
    struct iovec parts[2] = {{memory, page_size}, {memory + page_size, page_size}};
    const int self = -10000;
    SHOW(syscall(SYS_process_madvise, -1, parts, 2, MADV_COLD, 0));
    SHOW(syscall(SYS_process_madvise, 0, parts, 2, MADV_COLD, 0));
    SHOW(syscall(SYS_process_madvise, self, parts, 2, MADV_COLD, 1));
    SHOW(syscall(SYS_process_madvise, self, parts, 2, MADV_COLD, 0));
    SHOW(syscall(SYS_process_madvise, self, parts, 2, 77, 0));
    SHOW(syscall(SYS_process_madvise, self, parts, 0, MADV_COLD, 0));
    parts[1].iov_base = memory + 5 * page_size;
    SHOW(syscall(SYS_process_madvise, self, parts, 2, MADV_WILLNEED, 0));
    SHOW(syscall(SYS_process_madvise, self, parts, 1, MADV_DONTNEED, 0));
    say("now %d", memory[0]);
    SHOW(syscall(sys_process_mrelease, 0, 1));
    SHOW(syscall(sys_process_mrelease, 0, 0));
    SHOW(syscall(sys_process_mrelease, -1, 0));
}

int main(void) {
    pid_t child = start_child();
    show_transfers(child);
    show_proc(child);
    show_advice();
    return 0;
}
