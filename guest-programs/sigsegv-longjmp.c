// sigsegv-longjmp: a handler that does not return but jumps out, many times over. The signal mask is restored by the
// jump, so that each further fault is delivered again; without that, a fault while SIGSEGV is blocked ends a program.
#include "probe.h"

#include <sys/mman.h>

static volatile long handled;

int main(void) {
    probe_install();
    say("null page, read:          %s", code_name(probe_read((void*)16)));
    say("null page, write:         %s", code_name(probe_write((void*)16, 1)));
    say("own code, read:           %s", code_name(probe_read((void*)(uintptr_t)main)));
    say("own code, write:          %s", code_name(probe_write((void*)(uintptr_t)main, 1)));
    static char data[page_size];
    say("own data, write:          %s", code_name(probe_write(data, 1)));
    say("own data, executed:       %s", code_name(probe_call(data)));
    // The first byte above the user's half: the page there is not mapped for anybody.
    say("kernel's half, read:      %s", code_name(probe_read((void*)0xffff800000000000)));
    // Between the halves: such an address is not even translated, and the kernel does not say more than SIGSEGV.
    say("between the halves, read: %s", code_name(probe_read((void*)0x0000900000000000)));

    char* closed = mmap(NULL, page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(closed != MAP_FAILED);
    for (int i = 0; i < 1000; ++i) handled += probe_write(closed + i, 1) == SEGV_ACCERR;
    say("a thousand refused writes, %ld signals", handled);
    CHECK(handled == 1000);

    sigset_t blocked;
    CHECK(sigprocmask(SIG_BLOCK, NULL, &blocked) == 0);
    say("SIGSEGV is blocked now: %s", sigismember(&blocked, SIGSEGV) ? "yes" : "no");
    CHECK(!sigismember(&blocked, SIGSEGV));

    sigemptyset(&blocked);
    sigaddset(&blocked, SIGSEGV);
    CHECK(sigprocmask(SIG_BLOCK, &blocked, NULL) == 0);
    say("with SIGSEGV blocked, the handler is not called and the program ends");
    (void)probe_write(closed, 1);
    say("not reached");
    return 1;
}
