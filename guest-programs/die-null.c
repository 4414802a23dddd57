// die-null: a write through a null pointer. No mapping covers the address: SIGSEGV, status 139 in a shell.
#include "guest.h"

int main(void) {
    volatile int* volatile nowhere = NULL;
    say("about to write to address 0");
    *nowhere = 1;
    say("not reached");
    return 1;
}
