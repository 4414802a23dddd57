// signal-mask: raise, block, pend, deliver. A handler runs with its own signal blocked, SA_NODEFER lifts that, a
// blocked signal waits until it is unblocked, SA_RESETHAND is good for one signal, and SIG_IGN is none at all.
#include <signal.h>
#include <string.h>

#include "guest.h"

static volatile int calls, nesting;

static void count(int number) {
    (void)number;
    ++calls;
}

static void nested(int number) {
    ++calls;
    if (nesting++ == 0) {
        raise(number);
        say("  raised once more inside the handler, calls so far: %d", calls);
    }
}

static void install(void (*handler)(int), int flags) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = flags;
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    calls = nesting = 0;
}

int main(void) {
    install(count, 0);
    CHECK(raise(SIGUSR1) == 0);
    say("raised: %d call", calls);
    CHECK(calls == 1);

    install(nested, 0);
    raise(SIGUSR1);
    say("its own signal waits for the handler's end: %d calls", calls);
    CHECK(calls == 2);

    install(nested, SA_NODEFER);
    raise(SIGUSR1);
    say("with SA_NODEFER it does not: %d calls", calls);
    CHECK(calls == 2);

    install(count, 0);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    raise(SIGUSR1);
    raise(SIGUSR1);
    say("blocked: %d calls", calls);
    CHECK(calls == 0);
    CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
    say("unblocked: %d call, as two of the same are one", calls);
    CHECK(calls == 1);

    install(SIG_IGN, 0);
    raise(SIGUSR1);
    say("ignored");

    install(count, (int)SA_RESETHAND);
    raise(SIGUSR1);
    struct sigaction now;
    CHECK(sigaction(SIGUSR1, NULL, &now) == 0);
    say("after SA_RESETHAND: %d call, and the default action is back: %s", calls,
        now.sa_handler == SIG_DFL ? "yes" : "no");
    CHECK(calls == 1 && now.sa_handler == SIG_DFL);

    struct sigaction kill_action;
    memset(&kill_action, 0, sizeof kill_action);
    kill_action.sa_handler = count;
    CHECK(sigaction(SIGKILL, &kill_action, NULL) == -1);
    say("SIGKILL cannot be handled");
    say("SIGUSR1 by default ends the program");
    raise(SIGUSR1);
    say("not reached");
    return 1;
}
