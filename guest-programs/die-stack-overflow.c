// die-stack-overflow: recursion without end. The stack grows by page faults up to its limit (8 MiB), then: SIGSEGV.
#include "guest.h"

static volatile unsigned long depth;

__attribute__((noinline)) static unsigned long descend(void) {
    volatile char frame[2048];
    frame[0] = 1;
    depth = depth + 1;
    // The limit is 8 MiB: this is reported once, well before it and well after the stack's first pages.
    if (depth == 3000) say("3000 frames of 2 KiB are no trouble");
    // An end that is never reached, for compilers that see through the rest.
    return depth == 0 ? 0 : descend() + (unsigned long)frame[0];
}

int main(void) {
    say("about to recurse for ever");
    say("not reached: %lu", descend());
    return 1;
}
