// signalfd: signals that are read, of every kind that siginfo has: kill, sigqueue, children, timers; several at a
// time, waiting and not, poll, threads, and another mask.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "guest.h"

static sigset_t set_of(int first, int second) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, first);
    if (second != 0) sigaddset(&set, second);
    return set;
}

static struct signalfd_siginfo take(int fd) {
    struct signalfd_siginfo info;
    memset(&info, 0xff, sizeof info);
    CHECK(read(fd, &info, sizeof info) == sizeof info);
    return info;
}

// What no kind of signal fills in.
static int rest_is_zero(const struct signalfd_siginfo* info) {
    const unsigned char* bytes = (const unsigned char*)info;
    for (size_t i = 88; i < sizeof *info; ++i) {
        if (bytes[i] != 0) return 0;
    }
    return info->ssi_errno == 0 && info->ssi_trapno == 0;
}

static void kinds(int fd) {
    CHECK(kill(getpid(), SIGUSR1) == 0);
    struct signalfd_siginfo info = take(fd);
    say("kill: signal %u, code %d, ours: %d, uid: %d, rest: %d", info.ssi_signo, info.ssi_code,
        info.ssi_pid == (uint32_t)getpid(), info.ssi_uid == getuid(), rest_is_zero(&info));

    union sigval value = {.sival_ptr = (void*)0x1234567890abcdefL};
    CHECK(sigqueue(getpid(), SIGRTMIN + 1, value) == 0);
    info = take(fd);
    say("sigqueue: signal %u, code %d, ours: %d, value %x %llx, rest: %d", info.ssi_signo - SIGRTMIN, info.ssi_code,
        info.ssi_pid == (uint32_t)getpid(), (unsigned)info.ssi_int, (unsigned long long)info.ssi_ptr,
        rest_is_zero(&info));

    CHECK(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1) == 0);
    info = take(fd);
    say("tgkill: signal %u, code %d, ours: %d", info.ssi_signo, info.ssi_code, info.ssi_pid == (uint32_t)getpid());

    pid_t child = fork();
    if (child == 0) _exit(7);
    info = take(fd);
    say("child: signal %u, code %d, status %d, its number: %d, rest: %d", info.ssi_signo, info.ssi_code,
        info.ssi_status, info.ssi_pid == (uint32_t)child, rest_is_zero(&info));
    CHECK(waitpid(child, NULL, 0) == child);

    struct sigevent event;
    memset(&event, 0, sizeof event);
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGUSR1;
    event.sigev_value.sival_ptr = (void*)0x1122334455667788L;
    int timer;
    CHECK(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer) == 0);
    struct itimerspec setting = {{0, 1000000}, {0, 1000000}};
    CHECK(syscall(SYS_timer_settime, timer, 0, &setting, NULL) == 0);
    struct timespec time = {0, 10000000};
    nanosleep(&time, NULL);
    info = take(fd);
    say("timer: signal %u, code %d, timer %d, overruns: %d, value %x %llx, rest: %d", info.ssi_signo, info.ssi_code,
        info.ssi_tid == (uint32_t)timer, info.ssi_overrun >= 5, (unsigned)info.ssi_int,
        (unsigned long long)info.ssi_ptr, rest_is_zero(&info));
    CHECK(syscall(SYS_timer_delete, timer) == 0);
    // Where it expired once more, its signal is still pending: kill() would add nothing to it, and whoever takes it
    // finds that there is no such timer any more.
    sigset_t stale = set_of(SIGUSR1, 0);
    struct timespec now = {0, 0};
    (void)sigtimedwait(&stale, NULL, &now);
}

static void several(int fd) {
    struct signalfd_siginfo infos[4];
    for (int i = 1; i <= 3; ++i) CHECK(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = i}) == 0);
    CHECK(kill(getpid(), SIGUSR1) == 0);
    CHECK(kill(getpid(), SIGUSR1) == 0);
    ssize_t got = read(fd, infos, 3 * sizeof infos[0] + 5);
    say("three at a time: %d: %u %d %d", (int)(got / (ssize_t)sizeof infos[0]), infos[0].ssi_signo, infos[1].ssi_int,
        infos[2].ssi_int);
    got = read(fd, infos, sizeof infos);
    say("the rest: %d: %d", (int)(got / (ssize_t)sizeof infos[0]), infos[0].ssi_int);
    CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    say("nothing: EAGAIN %d", read(fd, infos, sizeof infos) == -1 && errno == EAGAIN);
    CHECK(fcntl(fd, F_SETFL, 0) == 0);
    say("short: EINVAL %d", read(fd, infos, sizeof infos[0] - 1) == -1 && errno == EINVAL);
    say("cannot be written: EINVAL %d", write(fd, infos, sizeof infos) == -1 && errno == EINVAL);
}

static void waiting(int fd) {
    int taken[2];
    CHECK(pipe(taken) == 0);
    pid_t child = fork();
    if (child == 0) {
        struct timespec time = {0, 3000000};
        nanosleep(&time, NULL);
        CHECK(kill(getppid(), SIGUSR1) == 0);
        // Were the first still pending, the second would be none.
        char byte;
        CHECK(read(taken[0], &byte, 1) == 1);
        nanosleep(&time, NULL);
        CHECK(kill(getppid(), SIGUSR1) == 0);
        // A signal that was sent to the parent is nobody else's.
        struct pollfd one = {fd, POLLIN, 0};
        _exit(poll(&one, 1, 0));
    }
    struct signalfd_siginfo info = take(fd);
    say("waited for %u", info.ssi_signo);
    CHECK(write(taken[1], "", 1) == 1);
    struct pollfd one = {fd, POLLIN, 0};
    int ready = poll(&one, 1, -1);
    say("poll: %d, readable: %d", ready, one.revents == POLLIN);
    info = take(fd);
    say("of the child: %d", info.ssi_pid == (uint32_t)child);
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    say("the child saw none of it: %d", status == 0);
    info = take(fd);
    say("then its end: %u", info.ssi_signo);
    CHECK(close(taken[0]) == 0 && close(taken[1]) == 0);
}

static void* other(void* argument) {
    struct pollfd one = {*(int*)argument, POLLIN, 0};
    return (void*)(intptr_t)poll(&one, 1, 5);
}

static void threads(int fd) {
    pthread_t thread;
    void* ready;
    CHECK(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1) == 0);
    CHECK(pthread_create(&thread, NULL, other, &fd) == 0);
    CHECK(pthread_join(thread, &ready) == 0);
    struct pollfd one = {fd, POLLIN, 0};
    say("sent to a thread: it is ready for the other %d, for itself %d", (int)(intptr_t)ready, poll(&one, 1, 0));
    (void)take(fd);
    CHECK(kill(getpid(), SIGUSR1) == 0);
    CHECK(pthread_create(&thread, NULL, other, &fd) == 0);
    CHECK(pthread_join(thread, &ready) == 0);
    say("sent to the process: %d", (int)(intptr_t)ready);
    (void)take(fd);
}

static void another_mask(int fd) {
    sigset_t set = set_of(SIGUSR2, SIGKILL);
    CHECK(signalfd(fd, &set, 0) == fd);
    CHECK(kill(getpid(), SIGUSR1) == 0);
    struct pollfd one = {fd, POLLIN, 0};
    say("another mask: not ready %d", poll(&one, 1, 0));
    CHECK(kill(getpid(), SIGUSR2) == 0);
    int ready = poll(&one, 1, 0);
    say("ready %d: %u", ready, take(fd).ssi_signo);
    set = set_of(SIGUSR1, 0);
    CHECK(signalfd(fd, &set, 0) == fd);
    say("and back: %u", take(fd).ssi_signo);
}

static void errors(int fd) {
    sigset_t set = set_of(SIGUSR1, 0);
    say("no such flag: EINVAL %d", signalfd(-1, &set, 1) == -1 && errno == EINVAL);
    say("no file: EBADF %d", signalfd(77, &set, 0) == -1 && errno == EBADF);
    say("another kind: EINVAL %d", signalfd(1, &set, 0) == -1 && errno == EINVAL);
    say("another size: EINVAL %d", syscall(SYS_signalfd4, -1, &set, 4, 0) == -1 && errno == EINVAL);
    say("nowhere: EFAULT %d", syscall(SYS_signalfd4, -1, 8, 8, 0) == -1 && errno == EFAULT);
    int old = (int)syscall(SYS_signalfd, -1, &set, 8);
    CHECK(old >= 0 && old != fd);
    int made = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    say("flags: %d %d %d", fcntl(made, F_GETFD) == FD_CLOEXEC, (fcntl(made, F_GETFL) & O_NONBLOCK) != 0,
        fcntl(old, F_GETFD));
}

int main(void) {
    sigset_t set = set_of(SIGUSR1, SIGRTMIN + 1);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGUSR2);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    sigdelset(&set, SIGUSR2);
    int fd = signalfd(-1, &set, 0);
    CHECK(fd >= 0);
    kinds(fd);
    several(fd);
    waiting(fd);
    threads(fd);
    another_mask(fd);
    errors(fd);
    return 0;
}
