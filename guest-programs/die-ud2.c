// die-ud2: an instruction that is defined to be undefined: SIGILL, status 132 in a shell.
#include "guest.h"

int main(void) {
    say("about to execute ud2");
    __asm__ volatile("ud2");
    say("not reached");
    return 1;
}
