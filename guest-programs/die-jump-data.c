// die-jump-data: a jump into data. The page can be read and written and not executed: SIGSEGV.
#include "guest.h"

static unsigned char data[] = {0xc3};  // ret

int main(void) {
    void (*volatile function)(void) = (void (*)(void))(uintptr_t)data;
    say("about to call data, a %s instruction", data[0] == 0xc3 ? "ret" : "strange");
    function();
    say("not reached");
    return 1;
}
