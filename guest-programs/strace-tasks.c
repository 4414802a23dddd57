// strace-tasks: processes and threads that take turns, so that what is printed of them has one order each: calls that
// wait, ends of every kind, a stop, a handler that interrupts, an exec.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

static int ends[2];

static void turn_over(void) { CHECK(write(ends[1], "x", 1) == 1); }
static void await_turn(void) {
    char byte;
    CHECK(read(ends[0], &byte, 1) == 1);
}

static void* thread(void* unused) {
    (void)unused;
    turn_over();
    return NULL;
}

static void on_signal(int number) { (void)number; }

static void interrupted(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    // Once each, and again only should the first come before it waits.
    struct itimerval soon = {{0, 200000}, {0, 200000}}, never = {{0, 0}, {0, 0}};
    char byte;
    CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
    CHECK(read(ends[0], &byte, 1) == -1);
    CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
    CHECK(pause() == -1);
    CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
}

int main(int argc, char** argv) {
    if (argc > 1) {
        say("executed with %s", argv[1]);
        return 7;
    }
    CHECK(pipe(ends) == 0);
    interrupted();
    int status;
    pid_t child = fork();
    if (child == 0) {
        turn_over();
        _exit(3);
    }
    await_turn();
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 3);
    child = fork();
    if (child == 0) {
        raise(SIGSTOP);
        for (;;) pause();
    }
    CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
    CHECK(kill(child, SIGKILL) == 0);
    CHECK(waitpid(child, &status, 0) == child && WTERMSIG(status) == SIGKILL);
    child = fork();
    if (child == 0) {
        turn_over();
        usleep(999999);
        _exit(4);
    }
    await_turn();
    // It sleeps by then, and is far from done.
    usleep(200000);
    CHECK(kill(child, SIGSTOP) == 0);
    CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
    CHECK(kill(child, SIGCONT) == 0);
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 4);
    child = fork();
    if (child == 0) abort();
    CHECK(waitpid(child, &status, 0) == child && WTERMSIG(status) == SIGABRT);
    child = fork();
    if (child == 0) {
        char* const words[] = {argv[0], "words", NULL};
        char* const variables[] = {"A=b", NULL};
        execve("/proc/self/exe", words, variables);
        _exit(1);
    }
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7);
    pthread_t other;
    CHECK(pthread_create(&other, NULL, thread, NULL) == 0);
    await_turn();
    // By then it is over, and joining it waits for nothing.
    usleep(200000);
    CHECK(pthread_join(other, NULL) == 0);
    say("done");
    return 0;
}
