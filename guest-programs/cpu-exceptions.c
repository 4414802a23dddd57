// cpu-exceptions: the exceptions that are not page faults, as signals: divide error, invalid opcode, breakpoint and
// general protection. Each handler looks at what it is told and moves rip past the instruction.
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <ucontext.h>

#include "guest.h"

// Where the instruction under test begins, and how long it is; set before it runs.
static uintptr_t instruction;
static int length;
static volatile int handled;

static void handler(int number, siginfo_t* info, void* context) {
    greg_t* registers = ((ucontext_t*)context)->uc_mcontext.gregs;
    ++handled;
    uintptr_t address = (uintptr_t)info->si_addr;
    say("  signal %d, code %d, address %s, trap %lld, error %#llx, rip at the instruction%+lld", number, info->si_code,
        address == instruction ? "of the instruction"
        : address == 0         ? "0"
                               : "elsewhere",
        registers[REG_TRAPNO], registers[REG_ERR], (long long)registers[REG_RIP] - (long long)instruction);
    registers[REG_RIP] = (greg_t)(instruction + (uintptr_t)length);
}

// Runs one instruction, given as assembler text with its inputs in eax and edx.
#define RUN(what, size, text)                                                                      \
    do {                                                                                           \
        int before = handled, eax = 1, edx = 0;                                                    \
        say(what);                                                                                 \
        length = (size);                                                                           \
        __asm__ volatile("leaq 1f(%%rip), %%rcx\n\tmovq %%rcx, %2\n\txorl %%ecx, %%ecx\n1:\t" text \
                         : "+a"(eax), "+d"(edx), "=m"(instruction)                                 \
                         :                                                                         \
                         : "rcx", "cc", "memory");                                                 \
        CHECK(handled == before + 1);                                                              \
    } while (0)

int main(void) {
    static const int signals[] = {SIGFPE, SIGILL, SIGTRAP, SIGSEGV};
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO;
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; ++i) CHECK(sigaction(signals[i], &action, NULL) == 0);

    RUN("idiv by zero", 2, "idivl %%ecx");
    RUN("div with a quotient that does not fit", 2,
        "movl $1, %%ecx\n\tleaq 2f(%%rip), %%rax\n\tmovq %%rax, %2\n\t"
        "movl $7, %%edx\n2:\tdivl %%ecx");
    RUN("ud2", 2, "ud2");
    RUN("int3", 1, "int3");
    RUN("hlt", 1, "hlt");
    RUN("cli", 1, "cli");
    RUN("in", 1, "inb %%dx, %%al");
    RUN("out", 1, "outb %%al, %%dx");
    RUN("mov to cr3", 3, "movq %%rax, %%cr3");
    RUN("wrmsr", 2, "wrmsr");
    say("%d exceptions handled", handled);
    return 0;
}
