// hello: the least that a program does. What runs before main and after it is the C library's start and end.
#include <stdio.h>

int main(void) {
    puts("hello from a real Linux program");
    return 0;
}
