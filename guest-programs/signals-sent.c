// signals-sent: signals between processes and threads: queues and their values, sigsuspend, sigtimedwait, SIGCHLD,
// alarms, calls that are interrupted and restarted.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "guest.h"

static volatile sig_atomic_t seen[65], last_value;
static volatile sig_atomic_t* alarms;  // children see them too

static void on_signal(int number, siginfo_t* info, void* context) {
    (void)context;
    ++seen[number];
    if (info->si_code == SI_QUEUE) last_value = info->si_value.sival_int;
    if (number == SIGALRM) ++*alarms;
}

static void handle(int number, int flags) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | flags;
    CHECK(sigaction(number, &action, NULL) == 0);
}

static void from_a_child(void) {
    sigset_t blocked, empty;
    sigemptyset(&empty);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigaddset(&blocked, SIGCHLD);
    CHECK(sigprocmask(SIG_BLOCK, &blocked, NULL) == 0);
    handle(SIGUSR1, 0);
    handle(SIGCHLD, 0);
    pid_t child = fork();
    if (child == 0) {
        union sigval value = {.sival_int = 77};
        CHECK(sigqueue(getppid(), SIGUSR1, value) == 0);
        _exit(0);
    }
    while (!seen[SIGUSR1]) sigsuspend(&empty);
    while (!seen[SIGCHLD]) sigsuspend(&empty);
    CHECK(waitpid(child, NULL, 0) == child);
    say("from a child: SIGUSR1 %d with %d, SIGCHLD %d", (int)seen[SIGUSR1], (int)last_value, (int)seen[SIGCHLD]);
    CHECK(sigprocmask(SIG_UNBLOCK, &blocked, NULL) == 0);
    signal(SIGCHLD, SIG_DFL);
}

static void real_time_queue(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 1);
    sigaddset(&set, SIGRTMIN + 2);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    for (int i = 1; i <= 3; ++i) {
        CHECK(sigqueue(getpid(), SIGRTMIN + 2, (union sigval){.sival_int = i}) == 0);
        CHECK(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 10 * i}) == 0);
    }
    struct timespec no_time = {0, 0};
    siginfo_t info;
    for (int number; (number = sigtimedwait(&set, &info, &no_time)) > 0;) {
        say("queued: SIGRTMIN+%d with %d", number - SIGRTMIN, info.si_value.sival_int);
    }
    say("then EAGAIN: %d", errno == EAGAIN);
    CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
}

static void interrupted_calls(void) {
    int fds[2];
    CHECK(pipe(fds) == 0);
    handle(SIGALRM, 0);
    // Again and again: the first may come before anything waits.
    struct itimerval often = {{0, 20000}, {0, 20000}}, never = {{0, 0}, {0, 0}};
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    char byte;
    errno = 0;
    ssize_t got = read(fds[0], &byte, 1);
    int interrupted = errno == EINTR;
    CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
    say("read without SA_RESTART: %zd, EINTR: %d", got, interrupted);

    handle(SIGALRM, SA_RESTART);
    int before = *alarms;
    pid_t child = fork();
    if (child == 0) {
        while (*alarms - before < 3) usleep(1000);
        CHECK(write(fds[1], "x", 1) == 1);
        _exit(0);
    }
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    got = read(fds[0], &byte, 1);
    CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
    say("read with SA_RESTART: %zd, alarms meanwhile: %d", got, *alarms - before >= 2);
    while (waitpid(child, NULL, 0) != child) {
    }

    handle(SIGALRM, SA_RESTART);
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    struct timespec time = {100, 0}, left = {0, 0};
    errno = 0;
    int slept = nanosleep(&time, &left);
    interrupted = errno == EINTR;
    CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
    say("nanosleep: %d, EINTR: %d, time is left: %d", slept, interrupted, left.tv_sec >= 90 && left.tv_sec < 100);
    // It tells whole seconds, rounded: once more if half of one has passed.
    struct timespec start, end;
    unsigned rest;
    do {
        CHECK(clock_gettime(CLOCK_MONOTONIC, &start) == 0);
        alarm(100);
        rest = alarm(0);
        CHECK(clock_gettime(CLOCK_MONOTONIC, &end) == 0);
    } while ((end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000 >= 450);
    say("alarm had %u s left", rest);
    close(fds[0]);
    close(fds[1]);
}

static void* wait_for_it(void* argument) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    int number = 0;
    CHECK(sigwait(&set, &number) == 0);
    *(int*)argument = number;
    return NULL;
}

static void to_a_thread(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    pthread_t thread;
    int number = 0;
    CHECK(pthread_create(&thread, NULL, wait_for_it, &number) == 0);
    CHECK(pthread_kill(thread, SIGUSR2) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    say("a thread waited for signal %d", number);
}

int main(void) {
    alarms = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(alarms != MAP_FAILED);
    from_a_child();
    real_time_queue();
    interrupted_calls();
    to_a_thread();
    return 0;
}
