// die-hlt: an instruction that only a kernel may execute: a general protection fault, which is SIGSEGV.
#include "guest.h"

int main(void) {
    say("about to execute hlt");
    __asm__ volatile("hlt");
    say("not reached");
    return 1;
}
