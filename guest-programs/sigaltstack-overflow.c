// sigaltstack-overflow: a handler for a stack overflow needs another stack to run on. It sees the fault one page below
// the stack's limit, and jumps out of the recursion; then all of that happens once more.
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "guest.h"

static char alternate[64 * 1024];
static sigjmp_buf out;
static uintptr_t fault_address;
static int code, on_alternate;
static volatile unsigned long depth;

static const uintptr_t stack_top = 0x7ffffffff000;

static void handler(int number, siginfo_t* info, void* context) {
    (void)number;
    (void)context;
    char here;
    stack_t now;
    CHECK(sigaltstack(NULL, &now) == 0);
    on_alternate = &here >= alternate && &here < alternate + sizeof alternate && (now.ss_flags & SS_ONSTACK);
    fault_address = (uintptr_t)info->si_addr;
    code = info->si_code;
    siglongjmp(out, 1);
}

__attribute__((noinline)) static unsigned long descend(void) {
    volatile char frame[512];
    frame[0] = 1;
    depth = depth + 1;
    // An end that is never reached, for compilers that see through the rest.
    return depth == 0 ? 0 : descend() + (unsigned long)frame[0];
}

int main(void) {
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_STACK, &limit) == 0);
    say("stack limit %llu KiB", (unsigned long long)limit.rlim_cur / 1024);

    stack_t stack;
    memset(&stack, 0, sizeof stack);
    stack.ss_sp = alternate;
    stack.ss_size = sizeof alternate;
    CHECK(sigaltstack(&stack, NULL) == 0);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);

    for (int round = 1; round <= 2; ++round) {
        depth = 0;
        fault_address = 0;
        if (sigsetjmp(out, 1) == 0) say("not reached: %lu", descend());
        say("round %d: %s, handler on the alternate stack: %s", round,
            code == SEGV_MAPERR   ? "SEGV_MAPERR"
            : code == SEGV_ACCERR ? "SEGV_ACCERR"
                                  : "?",
            on_alternate ? "yes" : "no");
        say("         the faulting page lies %lld bytes below the limit",
            (long long)(stack_top - limit.rlim_cur - page_of((void*)fault_address)));
        CHECK(on_alternate && depth > 10000);
    }
    CHECK(sigaltstack(NULL, &stack) == 0);
    say("on the alternate stack after the jump: %s", stack.ss_flags & SS_ONSTACK ? "yes" : "no");
    return 0;
}
