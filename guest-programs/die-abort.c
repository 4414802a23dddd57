// die-abort: a program that ends itself with abort: SIGABRT, status 134 in a shell.
#include "guest.h"

int main(void) {
    say("about to abort");
    abort();
}
