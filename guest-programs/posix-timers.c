// posix-timers: timer_create and its like: signals with values and overrun counts, clocks of time and of the
// processor, threads as targets, what is ignored or blocked meanwhile, exec and fork, errors.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "guest.h"

static volatile sig_atomic_t count, last_value, last_code, last_thread, last_timer;

static void on_signal(int number, siginfo_t* info, void* context) {
    (void)number, (void)context;
    last_value = info->si_value.sival_int;
    last_code = info->si_code;
    last_timer = info->si_timerid;
    last_thread = (sig_atomic_t)syscall(SYS_gettid);
    ++count;
}

// The kernel's own numbers: glibc's timer_t is a pointer for some kinds of timers.
static int create(clockid_t clock, struct sigevent* event, int* timer) {
    return (int)syscall(SYS_timer_create, clock, event, timer);
}
static int set(int timer, int flags, long value_ns, long interval_ns) {
    struct itimerspec setting = {{interval_ns / 1000000000, interval_ns % 1000000000},
                                 {value_ns / 1000000000, value_ns % 1000000000}};
    return (int)syscall(SYS_timer_settime, timer, flags, &setting, NULL);
}
static struct itimerspec get(int timer) {
    struct itimerspec left;
    CHECK(syscall(SYS_timer_gettime, timer, &left) == 0);
    return left;
}
static int overrun(int timer) { return (int)syscall(SYS_timer_getoverrun, timer); }
static int delete (int timer) { return (int)syscall(SYS_timer_delete, timer); }
static struct sigevent signal_event(int number, int value) {
    struct sigevent event;
    memset(&event, 0, sizeof event);
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = number;
    event.sigev_value.sival_int = value;
    return event;
}

static void sleep_ms(long ms) {
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &time, &time) == EINTR) {
    }
}

static int is_pending(int number) {
    sigset_t pending;
    CHECK(sigpending(&pending) == 0);
    return sigismember(&pending, number);
}

static void burn_until(int wanted) {
    for (volatile long i = 0; count < wanted; ++i) {
    }
}

static void once_and_often(void) {
    struct sigevent event = signal_event(SIGUSR1, 42);
    int timer;
    CHECK(create(CLOCK_MONOTONIC, &event, &timer) == 0);
    CHECK(set(timer, 0, 1000000, 0) == 0);
    while (count < 1) sleep_ms(1);
    struct itimerspec left = get(timer);
    say("once: value %d, SI_TIMER %d, its timer %d, overrun %d, nothing is left: %d", (int)last_value,
        last_code == SI_TIMER, last_timer == timer, overrun(timer),
        left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0);
    count = 0;
    CHECK(set(timer, 0, 1000000, 1000000) == 0);
    while (count < 5) sleep_ms(1);
    left = get(timer);
    say("often: at least 5 times, the interval stays: %d", left.it_interval.tv_nsec == 1000000);
    CHECK(set(timer, 0, 0, 1000000) == 0);
    left = get(timer);
    say("stopped: %ld %ld, interval %ld", (long)left.it_value.tv_sec, left.it_value.tv_nsec, left.it_interval.tv_nsec);
    CHECK(delete (timer) == 0);
    say("deleted twice: EINVAL %d", delete (timer) == -1 && errno == EINVAL);
}

static void absolute_time(clockid_t clock, const char* name) {
    struct sigevent event = signal_event(SIGUSR1, 1);
    int timer;
    CHECK(create(clock, &event, &timer) == 0);
    struct timespec now, after;
    CHECK(clock_gettime(clock, &now) == 0);
    count = 0;
    CHECK(set(timer, TIMER_ABSTIME, now.tv_sec * 1000000000 + now.tv_nsec + 3000000, 0) == 0);
    while (count == 0) sleep_ms(1);
    CHECK(clock_gettime(clock, &after) == 0);
    long passed = (after.tv_sec - now.tv_sec) * 1000000000 + after.tv_nsec - now.tv_nsec;
    say("%s: not too early: %d", name, passed >= 3000000);
    count = 0;
    CHECK(set(timer, TIMER_ABSTIME, 1, 0) == 0);
    while (count == 0) sleep_ms(1);
    say("%s: what is past comes at once", name);
    CHECK(delete (timer) == 0);
}

static void blocked_and_overrun(void) {
    sigset_t set_of_one;
    sigemptyset(&set_of_one);
    sigaddset(&set_of_one, SIGUSR1);
    CHECK(sigprocmask(SIG_BLOCK, &set_of_one, NULL) == 0);
    struct sigevent event = signal_event(SIGUSR1, 7);
    int first, second;
    CHECK(create(CLOCK_MONOTONIC, &event, &first) == 0);
    event.sigev_value.sival_int = 8;
    CHECK(create(CLOCK_MONOTONIC, &event, &second) == 0);
    CHECK(set(first, 0, 1000000, 1000000) == 0);
    while (!is_pending(SIGUSR1)) sleep_ms(1);
    CHECK(set(second, 0, 1500000, 0) == 0);
    sleep_ms(20);
    while (get(second).it_value.tv_nsec != 0) sleep_ms(1);
    siginfo_t info;
    struct timespec no_time = {0, 0};
    // Two timers with one standard signal: each has an instance of its own.
    CHECK(sigtimedwait(&set_of_one, &info, &no_time) == SIGUSR1);
    say("blocked: value %d, overruns at least 10: %d, as timer_getoverrun says: %d", info.si_value.sival_int,
        info.si_overrun >= 10, info.si_overrun == overrun(first));
    CHECK(sigtimedwait(&set_of_one, &info, &no_time) == SIGUSR1);
    say("blocked: value %d, overruns %d", info.si_value.sival_int, info.si_overrun);
    CHECK(set(first, 0, 1000000, 0) == 0);
    CHECK(set(second, 0, 1000000, 0) == 0);
    sleep_ms(5);
    CHECK(delete (first) == 0);
    CHECK(set(second, 0, 0, 0) == 0);
    say("set anew or deleted, what waited is void: %d",
        sigtimedwait(&set_of_one, &info, &no_time) == -1 && errno == EAGAIN);
    CHECK(sigprocmask(SIG_UNBLOCK, &set_of_one, NULL) == 0);

    signal(SIGUSR2, SIG_IGN);
    event = signal_event(SIGUSR2, 9);
    CHECK(create(CLOCK_MONOTONIC, &event, &first) == 0);
    CHECK(set(first, 0, 1000000, 1000000) == 0);
    sleep_ms(10);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    count = 0;
    CHECK(sigaction(SIGUSR2, &action, NULL) == 0);
    while (count < 3) sleep_ms(1);
    say("ignored at first, it goes on: value %d", (int)last_value);
    CHECK(delete (first) == 0);
    CHECK(delete (second) == 0);
}

static void processor_time(void) {
    struct sigevent event = signal_event(SIGUSR1, 5);
    clockid_t of_process, of_thread;
    CHECK(clock_getcpuclockid(0, &of_process) == 0);
    CHECK(pthread_getcpuclockid(pthread_self(), &of_thread) == 0);
    const clockid_t clocks[] = {CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, of_process, of_thread};
    for (int i = 0; i < 4; ++i) {
        int timer;
        CHECK(create(clocks[i], &event, &timer) == 0);
        count = 0;
        CHECK(set(timer, 0, 5000000, 5000000) == 0);
        sleep_ms(30);
        const int asleep = count;
        burn_until(3);
        struct itimerspec left = get(timer);
        say("processor time %d: none while asleep: %d, then 3; interval %ld", i, asleep <= 1, left.it_interval.tv_nsec);
        CHECK(delete (timer) == 0);
    }
}

static _Atomic int helper_tid, helper_stop;

static void* helper(void* argument) {
    (void)argument;
    helper_tid = (int)syscall(SYS_gettid);
    while (!helper_stop) sleep_ms(1);
    return NULL;
}

static void* spin(void* argument) {
    (void)argument;
    helper_tid = (int)syscall(SYS_gettid);
    while (!helper_stop) {
    }
    return NULL;
}

static void threads(void) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, helper, NULL) == 0);
    while (helper_tid == 0) sleep_ms(1);
    struct sigevent event = signal_event(SIGUSR1, 3);
    event.sigev_notify = SIGEV_THREAD_ID;
#ifdef __GLIBC__
    event._sigev_un._tid = helper_tid;
#else
    event.sigev_notify_thread_id = helper_tid;
#endif
    int timer;
    CHECK(create(CLOCK_MONOTONIC, &event, &timer) == 0);
    count = 0;
    CHECK(set(timer, 0, 1000000, 0) == 0);
    while (count == 0) sleep_ms(1);
    say("to a thread: it is the one: %d", last_thread == helper_tid);
    helper_stop = 1;
    CHECK(pthread_join(thread, NULL) == 0);
    // The number is free a moment after the join.
    while (syscall(SYS_tgkill, getpid(), helper_tid, 0) == 0) sleep_ms(1);
    say("its number names nobody any more: EINVAL %d",
        create(CLOCK_MONOTONIC, &event, &timer) == -1 && errno == EINVAL);

    // Another thread's processor time.
    helper_stop = helper_tid = 0;
    CHECK(pthread_create(&thread, NULL, spin, NULL) == 0);
    while (helper_tid == 0) sleep_ms(1);
    clockid_t clock;
    CHECK(pthread_getcpuclockid(thread, &clock) == 0);
    struct timespec time = {0, 5000000}, before, after;
    CHECK(clock_gettime(clock, &before) == 0);
    CHECK(clock_nanosleep(clock, 0, &time, NULL) == 0);
    CHECK(clock_gettime(clock, &after) == 0);
    say("slept while a thread worked: %d",
        (after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec >= 5000000);
    event = signal_event(SIGUSR1, 4);
    int of_thread;
    CHECK(create(clock, &event, &of_thread) == 0);
    CHECK(set(of_thread, 0, 1000000000000, 0) == 0);
    helper_stop = 1;
    CHECK(pthread_join(thread, NULL) == 0);
    while (syscall(SYS_tgkill, getpid(), helper_tid, 0) == 0) sleep_ms(1);
    say("the thread is gone, its clock too: ESRCH %d", set(of_thread, 0, 1, 0) == -1 && errno == ESRCH);
    CHECK(pthread_getcpuclockid(pthread_self(), &clock) == 0);
    say("nobody sleeps by their own: EINVAL %d", clock_nanosleep(clock, 0, &time, NULL) == EINVAL);
    say("CLOCK_THREAD_CPUTIME_ID: %d", syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &time, NULL) == -1 &&
                                           (errno == EOPNOTSUPP || errno == EINVAL));
    CHECK(delete (timer) == 0 || errno == EINVAL);
    CHECK(delete (of_thread) == 0);
}

static _Atomic int notified, notified_value;

static void notify(union sigval value) {
    notified_value = value.sival_int;
    ++notified;
}

static void by_library(void) {
    struct sigevent event;
    memset(&event, 0, sizeof event);
    event.sigev_notify = SIGEV_THREAD;
    event.sigev_notify_function = notify;
    event.sigev_value.sival_int = 77;
    timer_t timer;
    CHECK(timer_create(CLOCK_REALTIME, &event, &timer) == 0);
    // Each time takes a thread of its own, which wants its time where memory is short.
    struct itimerspec setting = {{0, 50000000}, {0, 1000000}};
    CHECK(timer_settime(timer, 0, &setting, NULL) == 0);
    while (notified < 3) sleep_ms(1);
    CHECK(timer_delete(timer) == 0);
    say("SIGEV_THREAD: 3 calls with %d", (int)notified_value);
}

static void silent(void) {
    struct sigevent event = signal_event(0, 0);
    event.sigev_notify = SIGEV_NONE;
    int timer;
    CHECK(create(CLOCK_MONOTONIC, &event, &timer) == 0);
    CHECK(set(timer, 0, 1000000, 0) == 0);
    sleep_ms(3);
    struct itimerspec left = get(timer);
    say("SIGEV_NONE: over, %ld left", left.it_value.tv_nsec);
    CHECK(set(timer, 0, 1000000, 50000000) == 0);
    sleep_ms(3);
    left = get(timer);
    say("SIGEV_NONE: in its interval: %d", left.it_value.tv_nsec > 0 && left.it_value.tv_nsec <= 50000000);
    CHECK(delete (timer) == 0);
}

static int limited_children(void) {
    struct sigevent event = signal_event(SIGUSR1, 0);
    struct rlimit none = {0, 0};
    CHECK(setrlimit(RLIMIT_SIGPENDING, &none) == 0);
    int timer;
    return create(CLOCK_MONOTONIC, &event, &timer) == -1 ? errno : 0;
}

static void inheritance(void) {
    struct sigevent event = signal_event(SIGUSR1, 1);
    int timer;
    CHECK(create(CLOCK_MONOTONIC, &event, &timer) == 0);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        struct itimerspec left;
        int gone = syscall(SYS_timer_gettime, timer, &left) == -1 && errno == EINVAL;
        _exit(gone ? 10 + (limited_children() == EAGAIN) : 1);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    say("a child has no timers, and none where RLIMIT_SIGPENDING is 0: %d", status == 11 << 8);
    CHECK(delete (timer) == 0);
}

// In the program that takes this one's place.
static int after_exec(int timer) {
    struct itimerspec left;
    struct itimerval alarm_left;
    sigset_t set_of_one;
    sigemptyset(&set_of_one);
    sigaddset(&set_of_one, SIGUSR1);
    struct timespec no_time = {0, 0};
    CHECK(getitimer(ITIMER_REAL, &alarm_left) == 0);
    say("after exec: no timer: %d, what it sent is void: %d, the alarm goes on: %d",
        syscall(SYS_timer_gettime, timer, &left) == -1 && errno == EINVAL,
        sigtimedwait(&set_of_one, NULL, &no_time) == -1 && errno == EAGAIN, alarm_left.it_value.tv_sec >= 90);
    return 0;
}

static void across_exec(char* program) {
    pid_t child = fork();
    if (child == 0) {
        sigset_t set_of_one;
        sigemptyset(&set_of_one);
        sigaddset(&set_of_one, SIGUSR1);
        CHECK(sigprocmask(SIG_BLOCK, &set_of_one, NULL) == 0);
        struct sigevent event = signal_event(SIGUSR1, 1);
        int timer;
        CHECK(create(CLOCK_MONOTONIC, &event, &timer) == 0);
        CHECK(set(timer, 0, 1000000, 1000000) == 0);
        sleep_ms(3);
        struct itimerval later = {{0, 0}, {100, 0}};
        CHECK(setitimer(ITIMER_REAL, &later, NULL) == 0);
        char number[16];
        snprintf(number, sizeof number, "%d", timer);
        execl(program, program, number, (char*)NULL);
        _exit(1);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void ends_the_program(int number) {
    pid_t child = fork();
    if (child == 0) {
        struct sigevent event = signal_event(number, 1);
        int timer;
        CHECK(create(CLOCK_MONOTONIC, &event, &timer) == 0);
        CHECK(set(timer, 0, 1000000, 1000000) == 0);
        for (;;) sleep_ms(1000);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    say("a timer's signal %d ends the program: %d", number, WIFSIGNALED(status) && WTERMSIG(status) == number);
}

static void errors(void) {
    struct sigevent event = signal_event(SIGUSR1, 1);
    int timer;
    struct itimerspec setting = {{0, 0}, {0, 1000000000}};
    say("no such clock: EINVAL %d", create(99, &event, &timer) == -1 && errno == EINVAL);
    say("coarse: EOPNOTSUPP %d", create(CLOCK_MONOTONIC_COARSE, &event, &timer) == -1 && errno == EOPNOTSUPP);
    say("raw: EOPNOTSUPP %d", create(CLOCK_MONOTONIC_RAW, &event, &timer) == -1 && errno == EOPNOTSUPP);
    say("nowhere: EFAULT %d", create(CLOCK_MONOTONIC, &event, (int*)8) == -1 && errno == EFAULT);
    say("no event: EFAULT %d", create(CLOCK_MONOTONIC, (struct sigevent*)8, &timer) == -1 && errno == EFAULT);
    event.sigev_signo = 65;
    say("no such signal: EINVAL %d", create(CLOCK_MONOTONIC, &event, &timer) == -1 && errno == EINVAL);
    event.sigev_signo = SIGUSR1;
    event.sigev_notify = 77;
    say("no such notification: EINVAL %d", create(CLOCK_MONOTONIC, &event, &timer) == -1 && errno == EINVAL);
    CHECK(create(CLOCK_TAI, NULL, &timer) == 0);
    say("a second has fewer nanoseconds: EINVAL %d",
        syscall(SYS_timer_settime, timer, 0, &setting, NULL) == -1 && errno == EINVAL);
    say("no setting: EINVAL %d", syscall(SYS_timer_settime, timer, 0, NULL, NULL) == -1 && errno == EINVAL);
    say("setting nowhere: EFAULT %d", syscall(SYS_timer_settime, timer, 0, 8, NULL) == -1 && errno == EFAULT);
    say("no timer: EINVAL %d", set(timer + 1, 0, 1, 1) == -1 && errno == EINVAL);
    say("no timer: EINVAL %d", overrun(timer + 1) == -1 && errno == EINVAL);
    CHECK(delete (timer) == 0);
    int next;
    CHECK(create(CLOCK_BOOTTIME, NULL, &next) == 0);
    say("numbers are not used again: %d", next == timer + 1);
    CHECK(delete (next) == 0);
}

int main(int argc, char** argv) {
    if (argc > 1) return after_exec(atoi(argv[1]));
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    once_and_often();
    absolute_time(CLOCK_REALTIME, "CLOCK_REALTIME");
    absolute_time(CLOCK_MONOTONIC, "CLOCK_MONOTONIC");
    absolute_time(CLOCK_BOOTTIME, "CLOCK_BOOTTIME");
    absolute_time(CLOCK_TAI, "CLOCK_TAI");
    blocked_and_overrun();
    silent();
    processor_time();
    inheritance();
    across_exec(argv[0]);
    ends_the_program(SIGTERM);
    ends_the_program(SIGKILL);
    errors();
    threads();
    by_library();
    return 0;
}
