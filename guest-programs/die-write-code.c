// die-write-code: a write to the program's own code. The mapping is there and does not allow it: SIGSEGV.
#include "guest.h"

int main(void) {
    volatile char* code = (volatile char*)(uintptr_t)main;
    say("main begins with a byte that can be read: %s", *code != 0 ? "yes" : "no");
    say("about to write to it");
    *code = (char)0xc3;
    say("not reached");
    return 1;
}
