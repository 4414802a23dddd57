// timerfd: timers that are read: waiting and not, counts, poll, what is set and what is left, errors.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

#include "guest.h"

static void sleep_ms(long ms) {
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&time, &time) != 0) {
    }
}

static void set(int fd, int flags, long value_ns, long interval_ns) {
    struct itimerspec setting = {{interval_ns / 1000000000, interval_ns % 1000000000},
                                 {value_ns / 1000000000, value_ns % 1000000000}};
    CHECK(timerfd_settime(fd, flags, &setting, NULL) == 0);
}

static uint64_t take(int fd) {
    uint64_t count = 0;
    CHECK(read(fd, &count, sizeof count) == sizeof count);
    return count;
}

static void reading(void) {
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    CHECK(fd >= 0);
    set(fd, 0, 2000000, 0);
    say("a read waits: %d", (int)take(fd));
    struct itimerspec left;
    CHECK(timerfd_gettime(fd, &left) == 0);
    say("nothing is left: %d", left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0);
    set(fd, 0, 1000000, 1000000);
    sleep_ms(20);
    uint64_t count = take(fd);
    say("what was missed counts: %d", count >= 15);
    say("and it goes on: %d", take(fd) >= 1);
    CHECK(timerfd_gettime(fd, &left) == 0);
    say("interval %ld, within it: %d", left.it_interval.tv_nsec, left.it_value.tv_nsec <= 1000000);
    // An interval that does not end just when it is looked at.
    set(fd, 0, 1000000, 900000000);
    sleep_ms(5);
    struct itimerspec stop = {{0, 0}, {0, 0}}, old;
    CHECK(timerfd_settime(fd, 0, &stop, &old) == 0);
    say("what it was: %ld, left %d", old.it_interval.tv_nsec, old.it_value.tv_nsec > 0);
    CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    say("set anew, what expired does not count: EAGAIN %d", read(fd, &count, 8) == -1 && errno == EAGAIN);
    set(fd, TFD_TIMER_ABSTIME, 1, 0);
    say("what is past: %d", (int)take(fd));
    say("short: EINVAL %d", read(fd, &count, 7) == -1 && errno == EINVAL);
    say("cannot be written: EINVAL %d", write(fd, &count, 8) == -1 && errno == EINVAL);
    say("seeking does nothing: %d, a position is refused: %d", (int)lseek(fd, 5, SEEK_SET),
        pread(fd, &count, 8, 0) == -1 && errno == ESPIPE);
    CHECK(close(fd) == 0);
}

static void polling(clockid_t clock) {
    int fd = timerfd_create(clock, TFD_NONBLOCK | TFD_CLOEXEC);
    CHECK(fd >= 0);
    say("flags: %d %d %d", fcntl(fd, F_GETFD) == FD_CLOEXEC, (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0,
        (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR);
    struct pollfd one = {fd, POLLIN | POLLOUT, 0};
    say("not set, not ready: %d", poll(&one, 1, 5));
    struct timespec now;
    CHECK(clock_gettime(clock, &now) == 0);
    set(fd, TFD_TIMER_ABSTIME, now.tv_sec * 1000000000 + now.tv_nsec + 3000000, 0);
    int ready = poll(&one, 1, -1);
    say("ready: %d, for reading only: %d", ready, one.revents == POLLIN);
    int count = (int)take(fd);
    say("count %d, then not ready: %d", count, poll(&one, 1, 0));
    set(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, 1, 0);
    say("nobody sets the clock: %d", (int)take(fd));
    CHECK(close(fd) == 0);
}

static void* reader(void* argument) { return (void*)(intptr_t)take(*(int*)argument); }

static void shared(void) {
    int fd = timerfd_create(CLOCK_BOOTTIME, 0);
    CHECK(fd >= 0);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, reader, &fd) == 0);
    sleep_ms(2);
    set(fd, 0, 1000000, 0);
    void* result;
    CHECK(pthread_join(thread, &result) == 0);
    say("a thread that waited: %d", (int)(intptr_t)result);
    pid_t child = fork();
    if (child == 0) {
        set(fd, 0, 1000000, 0);
        _exit(0);
    }
    CHECK(waitpid(child, NULL, 0) == child);
    say("a child's setting is ours: %d", (int)take(fd));
    CHECK(close(fd) == 0);
}

static void on_alarm(int number) { (void)number; }

static void interrupted(void) {
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_alarm;
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    timer_t timer;
    CHECK(timer_create(CLOCK_MONOTONIC, NULL, &timer) == 0);
    struct itimerspec soon = {{0, 1000000}, {0, 1000000}}, never = {{0, 0}, {0, 0}};
    CHECK(timer_settime(timer, 0, &soon, NULL) == 0);
    uint64_t count;
    say("a signal ends a read: EINTR %d", read(fd, &count, 8) == -1 && errno == EINTR);
    action.sa_flags = SA_RESTART;
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    set(fd, 0, 5000000, 0);
    say("or not: %d", (int)take(fd));
    CHECK(timer_settime(timer, 0, &never, NULL) == 0);
    CHECK(timer_delete(timer) == 0);
    CHECK(close(fd) == 0);
}

static void errors(void) {
    struct itimerspec setting = {{0, 0}, {0, 1000000000}}, good = {{0, 0}, {0, 1}};
    say("no such clock: EINVAL %d %d", timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0) == -1 && errno == EINVAL,
        timerfd_create(99, 0) == -1 && errno == EINVAL);
    say("no such flag: EINVAL %d", timerfd_create(CLOCK_MONOTONIC, 1) == -1 && errno == EINVAL);
    int fd = timerfd_create(CLOCK_REALTIME, 0);
    say("no such time: EINVAL %d", timerfd_settime(fd, 0, &setting, NULL) == -1 && errno == EINVAL);
    say("no such flag: EINVAL %d", timerfd_settime(fd, 4, &good, NULL) == -1 && errno == EINVAL);
    say("nowhere: EFAULT %d", syscall(SYS_timerfd_settime, 77, 99, 8, NULL) == -1 && errno == EFAULT);
    say("no file: EBADF %d", timerfd_settime(77, 0, &good, NULL) == -1 && errno == EBADF);
    say("another kind: EINVAL %d", timerfd_settime(1, 0, &good, NULL) == -1 && errno == EINVAL);
    say("another kind: EINVAL %d", timerfd_gettime(1, &good) == -1 && errno == EINVAL);
    say("answer nowhere: EFAULT %d", syscall(SYS_timerfd_gettime, fd, 8) == -1 && errno == EFAULT);
    say("ioctl: ENOTTY %d", syscall(SYS_ioctl, fd, 0x5401, 0) == -1 && errno == ENOTTY);
    CHECK(close(fd) == 0);
}

int main(void) {
    reading();
    polling(CLOCK_MONOTONIC);
    polling(CLOCK_REALTIME);
    shared();
    interrupted();
    errors();
    return 0;
}
