// sigsegv-handler: a program that handles its own page faults. The handler sees the fault as the kernel and the CPU did
// (si_code, si_addr, trap number, error code, cr2), gives the page the access that it lacks, and returns: the faulting
// instruction then runs again and succeeds.
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "guest.h"

enum { pages = 3 };

static char* base;
static volatile int handled;
static int wanted_protection;

static void handler(int number, siginfo_t* info, void* context) {
    const greg_t* registers = ((ucontext_t*)context)->uc_mcontext.gregs;
    ++handled;
    say("signal %d code %s address base+%#tx trap %lld error %#llx cr2 base+%#llx", number,
        info->si_code == SEGV_MAPERR   ? "SEGV_MAPERR"
        : info->si_code == SEGV_ACCERR ? "SEGV_ACCERR"
                                       : "?",
        (char*)info->si_addr - base, registers[REG_TRAPNO], registers[REG_ERR],
        registers[REG_CR2] - (greg_t)(uintptr_t)base);
    CHECK(number == SIGSEGV && registers[REG_TRAPNO] == 14);
    CHECK((greg_t)(uintptr_t)info->si_addr == registers[REG_CR2]);
    char* page = (char*)page_of(info->si_addr);
    if (info->si_code == SEGV_MAPERR) {
        CHECK(mmap(page, page_size, wanted_protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page);
    } else {
        CHECK(mprotect(page, page_size, wanted_protection) == 0);
    }
}

int main(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO;
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);

    base = mmap(NULL, pages * page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(base != MAP_FAILED);

    wanted_protection = PROT_READ;
    say("read of a page without access");
    CHECK(*(volatile char*)(base + 0x123) == 0 && handled == 1);

    wanted_protection = PROT_READ | PROT_WRITE;
    say("write to the same page, which has been read");
    *(volatile char*)(base + 0x456) = 'w';
    CHECK(base[0x456] == 'w' && handled == 2);

    say("write to a page without access");
    *(volatile char*)(base + page_size) = 'x';
    CHECK(base[page_size] == 'x' && handled == 3);

    CHECK(munmap(base + 2 * page_size, page_size) == 0);
    say("read-modify-write of a page that is not mapped");
    *(volatile long*)(base + 2 * page_size + 8) += 5;
    CHECK(*(long*)(base + 2 * page_size + 8) == 5 && handled == 4);

    static const unsigned char increment[] = {0x8d, 0x47, 0x01, 0xc3};  // lea eax, [rdi + 1]; ret
    memcpy(base, increment, sizeof increment);
    wanted_protection = PROT_READ | PROT_EXEC;
    say("execution of a page that is not executable");
    CHECK(((int (*)(int))(uintptr_t)base)(41) == 42 && handled == 5);

    // A write that crosses into the next page faults there, at the first byte that is not allowed.
    CHECK(mprotect(base, page_size, PROT_READ | PROT_WRITE) == 0);
    CHECK(mprotect(base + page_size, page_size, PROT_READ) == 0);
    wanted_protection = PROT_READ | PROT_WRITE;
    say("a write across two pages");
    *(volatile uint64_t __attribute__((aligned(1)))*)(base + page_size - 3) = 0x1122334455667788;
    CHECK((unsigned char)base[page_size - 3] == 0x88 && base[page_size + 4] == 0x11 && handled == 6);
    return 0;
}
