// die-divide: an integer divided by zero: SIGFPE, status 136 in a shell.
#include "guest.h"

int main(void) {
    int quotient = 1, remainder = 0;
    say("about to divide by zero");
    __asm__ volatile("idivl %2" : "+a"(quotient), "+d"(remainder) : "r"(0) : "cc");
    say("not reached: %d", quotient);
    return 1;
}
