// die-no-signal-stack: a SIGSEGV whose handler cannot be entered, as the stack pointer leads nowhere. The kernel cannot
// write the signal frame and ends the program with SIGSEGV.
#include <signal.h>
#include <string.h>

#include "guest.h"

static void handler(int number) {
    (void)number;
    say("not reached: the handler");
}

int main(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
    say("about to fault without a stack");
    __asm__ volatile(
        "xorl %%esp, %%esp\n\t"
        "movl %%eax, (%%rsp)" ::
            : "memory");
    __builtin_unreachable();
}
