// interval-timers: ITIMER_REAL, ITIMER_VIRTUAL and ITIMER_PROF, limits on processor time, and the clocks of it.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>

#include "guest.h"

static volatile sig_atomic_t seen[65];

static void on_signal(int number) { ++seen[number]; }

static void handle(int number) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    CHECK(sigaction(number, &action, NULL) == 0);
}

static void burn_until(int number, int wanted) {
    while (seen[number] < wanted) {
    }
}

static void burn_ms(long ms) {
    struct timespec from, now;
    CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from) == 0);
    do {
        // Few system calls: each is checked under --paranoid.
        for (volatile int i = 0; i < 100000; ++i) {
        }
        CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0);
    } while ((now.tv_sec - from.tv_sec) * 1000 + (now.tv_nsec - from.tv_nsec) / 1000000 < ms);
}

static void set(int which, long value_us, long interval_us) {
    struct itimerval setting = {{interval_us / 1000000, interval_us % 1000000},
                                {value_us / 1000000, value_us % 1000000}};
    CHECK(setitimer(which, &setting, NULL) == 0);
}

static void by_processor_time(int which, int number, const char* name) {
    handle(number);
    set(which, 3000, 2000);
    usleep(20000);
    int asleep = seen[number];
    burn_until(number, 5);
    struct itimerval left;
    CHECK(getitimer(which, &left) == 0);
    say("%s: none while asleep: %d, then 5; interval %ld, something is left: %d", name, asleep <= 1,
        (long)left.it_interval.tv_usec, left.it_value.tv_sec == 0 && left.it_value.tv_usec > 0);
    set(which, 100000000, 0);
    struct itimerval stop = {{0, 0}, {0, 0}}, old;
    CHECK(setitimer(which, &stop, &old) == 0);
    say("%s: had about 100 s: %d, interval %ld", name, old.it_value.tv_sec >= 99 && old.it_value.tv_sec <= 100,
        (long)old.it_interval.tv_usec);
    CHECK(getitimer(which, &left) == 0);
    say("%s: stopped: %ld %ld", name, (long)left.it_value.tv_sec, (long)left.it_value.tv_usec);
    seen[number] = 0;
    set(which, 1000, 0);
    burn_until(number, 1);
    burn_ms(8);
    say("%s: once is once: %d", name, (int)seen[number]);
}

static void* burn(void* argument) {
    burn_until(SIGPROF, *(int*)argument);
    return NULL;
}

static void of_all_threads(void) {
    seen[SIGPROF] = 0;
    set(ITIMER_PROF, 1000, 1000);
    int wanted = 10;
    pthread_t threads[2];
    for (int i = 0; i < 2; ++i) CHECK(pthread_create(&threads[i], NULL, burn, &wanted) == 0);
    for (int i = 0; i < 2; ++i) CHECK(pthread_join(threads[i], NULL) == 0);
    set(ITIMER_PROF, 0, 0);
    say("ITIMER_PROF counts the threads' time: %d", seen[SIGPROF] >= 10);
}

static void real_time(void) {
    handle(SIGALRM);
    sigset_t set_of_one;
    sigemptyset(&set_of_one);
    sigaddset(&set_of_one, SIGALRM);
    CHECK(sigprocmask(SIG_BLOCK, &set_of_one, NULL) == 0);
    // An interval that does not pass before somebody looks.
    set(ITIMER_REAL, 1000, 100000000);
    siginfo_t info;
    CHECK(sigwaitinfo(&set_of_one, &info) == SIGALRM);
    struct itimerval left;
    CHECK(getitimer(ITIMER_REAL, &left) == 0);
    int again = left.it_value.tv_sec >= 90 && left.it_value.tv_sec <= 100;
    // Several that do, while nobody takes the signal.
    set(ITIMER_REAL, 1000, 5000);
    usleep(20000);
    CHECK(getitimer(ITIMER_REAL, &left) == 0);
    say("ITIMER_REAL waits for its signal to be taken: %ld left, interval %ld", (long)left.it_value.tv_usec,
        (long)left.it_interval.tv_usec);
    CHECK(sigwaitinfo(&set_of_one, &info) == SIGALRM);
    say("SIGALRM is the kernel's: %d, and it runs again: %d", info.si_code == SI_KERNEL, again);
    CHECK(sigprocmask(SIG_UNBLOCK, &set_of_one, NULL) == 0);
    while (seen[SIGALRM] < 3) usleep(1000);
    pid_t child = fork();
    if (child == 0) {
        CHECK(getitimer(ITIMER_REAL, &left) == 0);
        _exit(left.it_value.tv_sec == 0 && left.it_value.tv_usec == 0 && left.it_interval.tv_usec == 0 ? 0 : 1);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    set(ITIMER_REAL, 0, 0);
    say("a child has no timers: %d", status == 0);
    say("errors: %d %d %d", getitimer(7, &left) == -1 && errno == EINVAL,
        syscall(SYS_setitimer, 7, NULL, NULL) == -1 && errno == EINVAL,
        syscall(SYS_getitimer, ITIMER_PROF, 8) == -1 && errno == EFAULT);
    struct itimerval bad = {{0, 1000000}, {1, 0}};
    say("too many microseconds: %d", setitimer(ITIMER_REAL, &bad, NULL) == -1 && errno == EINVAL);
}

static void limit(rlim_t soft, rlim_t hard, int handles) {
    pid_t child = fork();
    if (child == 0) {
        if (handles) handle(SIGXCPU);
        struct rlimit limit = {soft, hard};
        CHECK(setrlimit(RLIMIT_CPU, &limit) == 0);
        if (handles) {
            burn_until(SIGXCPU, 1);
            CHECK(getrlimit(RLIMIT_CPU, &limit) == 0);
            // The soft limit moves a second on.
            _exit(limit.rlim_cur == soft + 1 ? 3 : 4);
        }
        for (;;) {
        }
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    say("RLIMIT_CPU %d %d: exited %d, status %d, signal %d", (int)soft, (int)hard, WIFEXITED(status),
        WIFEXITED(status) ? WEXITSTATUS(status) : 0, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static void clocks(void) {
    clockid_t own, parents;
    struct timespec time;
    CHECK(clock_getcpuclockid(getpid(), &own) == 0);
    CHECK(clock_gettime(own, &time) == 0);
    say("processor time was used: %d", time.tv_sec * 1000000000L + time.tv_nsec > 1000000);
    say("it cannot be set: EPERM %d", clock_settime(own, &time) == -1 && errno == EPERM);
    CHECK(clock_getcpuclockid(getppid(), &parents) == 0);
    int fds[2];
    CHECK(pipe(fds) == 0);
    pid_t child = fork();
    if (child == 0) {
        char byte;
        CHECK(read(fds[0], &byte, 1) == 1);
        burn_ms(15);
        _exit(0);
    }
    clockid_t childs;
    CHECK(clock_getcpuclockid(child, &childs) == 0);
    struct timespec of_child;
    CHECK(clock_gettime(childs, &of_child) == 0);
    say("a child has its own: %d", of_child.tv_sec < time.tv_sec || of_child.tv_nsec != time.tv_nsec);
    CHECK(write(fds[1], "x", 1) == 1);
    CHECK(waitpid(child, NULL, 0) == child);
    say("it is gone: EINVAL %d", clock_gettime(childs, &of_child) == -1 && errno == EINVAL);
    struct tms used;
    CHECK(times(&used) != (clock_t)-1);
    say("times: own %d, children's %d", used.tms_utime + used.tms_stime > 0, used.tms_cutime + used.tms_cstime > 0);
    say("no such clocks: %d %d", clock_settime(CLOCK_MONOTONIC, &time) == -1 && errno == EINVAL,
        syscall(SYS_clock_settime, CLOCK_PROCESS_CPUTIME_ID, &time) == -1 && errno == EINVAL);
    time.tv_nsec = 1000000000;
    say("no such time: EINVAL %d", clock_settime(CLOCK_REALTIME, &time) == -1 && errno == EINVAL);
}

int main(void) {
    by_processor_time(ITIMER_VIRTUAL, SIGVTALRM, "ITIMER_VIRTUAL");
    by_processor_time(ITIMER_PROF, SIGPROF, "ITIMER_PROF");
    of_all_threads();
    real_time();
    limit(0, RLIM_INFINITY, 0);
    limit(0, RLIM_INFINITY, 1);
    limit(0, 0, 1);
    clocks();
    return 0;
}
