// kernel-half: what a program meets above its own half of the address space: in the kernel's direct map, its vmalloc
// area, its memory map, a hole between them, and where addresses are not canonical. Nothing can be read, written or
// executed, by the program or by a system call on its behalf, and nothing tells what is mapped there.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>

#include "guest.h"

static sigjmp_buf back;
static volatile struct {
    int number, code;
    uintptr_t address;
    long long trap, error, cr2;
} seen;

static void handler(int number, siginfo_t* info, void* context) {
    const greg_t* registers = ((ucontext_t*)context)->uc_mcontext.gregs;
    seen.number = number;
    seen.code = info->si_code;
    seen.address = (uintptr_t)info->si_addr;
    seen.trap = registers[REG_TRAPNO];
    seen.error = registers[REG_ERR];
    seen.cr2 = registers[REG_CR2];
    siglongjmp(back, 1);
}

// A general protection fault leaves CR2 to the fault before it.
static void say_seen(const char* what) {
    if (seen.number == 0) {
        say("  %s: works", what);
        _exit(1);
    }
    if (seen.trap == 14) {
        say("  %s: signal %d code %d address %#lx trap %lld error %#llx cr2 %#llx", what, seen.number, seen.code,
            (unsigned long)seen.address, seen.trap, seen.error, seen.cr2);
    } else {
        say("  %s: signal %d code %d address %#lx trap %lld error %#llx", what, seen.number, seen.code,
            (unsigned long)seen.address, seen.trap, seen.error);
    }
}

// Not inlined, so that each access is an instruction of its own that faults.
__attribute__((noinline)) static void read_there(uintptr_t address) { (void)*(volatile char*)address; }
__attribute__((noinline)) static void write_there(uintptr_t address) { *(volatile char*)address = 1; }
__attribute__((noinline)) static void add_there(uintptr_t address) {
    __asm__ volatile("addl $1, (%0)" : : "r"(address) : "memory", "cc");
}
__attribute__((noinline)) static void read_word_there(uintptr_t address) { (void)*(volatile long*)address; }
__attribute__((noinline)) static void call_there(uintptr_t address) { ((void (*)(void))address)(); }

static void try(const char* what, void (*access)(uintptr_t), uintptr_t address) {
    memset((void*)&seen, 0, sizeof seen);
    if (sigsetjmp(back, 1) == 0) access(address);
    say_seen(what);
}

// The system call itself: a library might look at the address first.
static void call(const char* what, long number, long a, long b, long c, long d, long e, long f) {
    const long result = syscall(number, a, b, c, d, e, f);
    if (result < 0) {
        say("  %s: %s", what, strerror(errno));
    } else {
        say("  %s: %ld", what, result);
    }
}

static void system_calls(uintptr_t address) {
    const long at = (long)address;
    int pipes[2];
    CHECK(pipe(pipes) == 0);
    CHECK(write(pipes[1], "x", 1) == 1);
    call("write from it", SYS_write, pipes[1], at, 8, 0, 0, 0);
    call("read into it", SYS_read, pipes[0], at, 1, 0, 0, 0);
    call("open what it names", SYS_open, at, O_RDONLY, 0, 0, 0, 0);
    call("stat into it", SYS_fstat, pipes[0], at, 0, 0, 0, 0);
    char byte = 0;
    struct iovec here = {&byte, 1}, there = {(void*)address, 1};
    call("readv into it", SYS_readv, pipes[0], (long)&there, 1, 0, 0, 0);
    call("process_vm_readv of it", SYS_process_vm_readv, getpid(), (long)&here, 1, (long)&there, 1, 0);
    call("process_vm_writev to it", SYS_process_vm_writev, getpid(), (long)&here, 1, (long)&there, 1, 0);
    call("mmap there", SYS_mmap, at, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    call("munmap", SYS_munmap, at, page_size, 0, 0, 0, 0);
    call("mprotect", SYS_mprotect, at, page_size, PROT_READ | PROT_WRITE, 0, 0, 0);
    call("madvise", SYS_madvise, at, page_size, MADV_DONTNEED, 0, 0, 0);
    call("mincore", SYS_mincore, at, page_size, (long)&byte, 0, 0, 0);
    call("msync", SYS_msync, at, page_size, MS_ASYNC, 0, 0, 0);
    call("mlock", SYS_mlock, at, page_size, 0, 0, 0, 0);
    // A hint is only a hint.
    void* near = mmap((void*)address, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    say("  mmap near it: %s", near == MAP_FAILED           ? strerror(errno)
                              : (uintptr_t)near >> 47 != 0 ? "there"
                                                           : "elsewhere");
    if (near != MAP_FAILED) CHECK(munmap(near, page_size) == 0);
    CHECK(close(pipes[0]) == 0 && close(pipes[1]) == 0);
}

int main(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO;
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
    CHECK(sigaction(SIGBUS, &action, NULL) == 0);

    static const struct {
        const char* name;
        uintptr_t address;
    } places[] = {
        {"the first page of the direct map", 0xffff888000000000},
        {"the direct map's second large page", 0xffff888000200000},
        {"the direct map's end for 256 MiB", 0xffff888010000000},
        {"the first vmalloc area", 0xffffc90000000000},
        {"far inside of the vmalloc range", 0xffffd00000001000},
        {"the memory map", 0xffffea0000000000},
        {"the hole where the kernel half begins", 0xffff800000000000},
        {"the last page of all", 0xfffffffffffff000},
        {"the first page above the program's half", 0x7ffffffff000},
        {"the lowest address that is not canonical", 0x800000000000},
        {"one in the midst of those", 0x4000000000000000},
        {"the highest of those", 0xffff7ffffffff000},
    };
    for (unsigned i = 0; i < sizeof places / sizeof *places; ++i) {
        const uintptr_t address = places[i].address + 0x128;
        say("%s, %#lx", places[i].name, (unsigned long)address);
        try("read", read_there, address);
        try("write", write_there, address);
        try("read and write", add_there, address);
        try("execute", call_there, address);
        system_calls(places[i].address);
    }
    say("across the end of the program's half");
    int pipes[2];
    CHECK(pipe(pipes) == 0);
    const uintptr_t end = 0x7ffffffff000;
    try("read", read_word_there, end - 4);
    call("write from there", SYS_write, pipes[1], (long)end - 4, 8, 0, 0, 0);
    call("mprotect", SYS_mprotect, (long)end - page_size, 2 * page_size, PROT_READ | PROT_WRITE, 0, 0, 0);
    call("munmap", SYS_munmap, (long)end - page_size, 2 * page_size, 0, 0, 0, 0);
    return 0;
}
