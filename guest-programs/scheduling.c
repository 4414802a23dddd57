// Scheduling: policies, priorities, nice values, affinity; real-time tasks go first. On one processor, as with several
// the order is nobody's to say.
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <unistd.h>

#include "answer.h"

enum { deadline = 6, user = 1000, no_such_task = 4194303 };

// musl's own functions answer ENOSYS for what POSIX has and Linux does otherwise.
static long set_policy(pid_t pid, int policy, int priority) {
    struct sched_param parameter = {.sched_priority = priority};
    return syscall(SYS_sched_setscheduler, pid, policy, &parameter);
}
static long get_policy(pid_t pid) { return syscall(SYS_sched_getscheduler, pid); }
static long set_priority(pid_t pid, int priority) {
    struct sched_param parameter = {.sched_priority = priority};
    return syscall(SYS_sched_setparam, pid, &parameter);
}
static long get_priority(pid_t pid) {
    struct sched_param parameter = {.sched_priority = -1};
    long done = syscall(SYS_sched_getparam, pid, &parameter);
    return done < 0 ? done : parameter.sched_priority;
}
static long most(int policy) { return syscall(SYS_sched_get_priority_max, policy); }
static long least(int policy) { return syscall(SYS_sched_get_priority_min, policy); }
static long raw_nice(int which, int who) { return syscall(SYS_getpriority, which, who); }

struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t clamp_min, clamp_max;
};
static long set_attributes(struct attributes* wanted) { return syscall(SYS_sched_setattr, 0, wanted, 0); }
static void show_attributes(const char* when) {
    struct attributes now;
    memset(&now, 0, sizeof now);
    CHECK(syscall(SYS_sched_getattr, 0, &now, sizeof now, 0) == 0);
    say("%s: size %u policy %u flags %d nice %d priority %u", when, now.size, now.policy, (int)now.flags, now.nice,
        now.priority);
}

static void show_policies(void) {
    SHOW(get_policy(0));
    SHOW(get_policy(-1));
    SHOW(get_policy(no_such_task));
    for (int policy = 0; policy < 7; ++policy) say("priorities of policy %d: %s", policy, answer(least(policy)));
    SHOW(most(SCHED_FIFO));
    SHOW(most(SCHED_RR));
    SHOW(most(0));
    SHOW(most(99));
    SHOW(set_policy(0, SCHED_FIFO, 0));
    SHOW(set_policy(0, SCHED_FIFO, 100));
    SHOW(set_policy(0, 0, 1));
    SHOW(set_policy(0, 4, 0));
    SHOW(set_policy(0, -1, 0));
    SHOW(set_policy(no_such_task, 0, 0));
    SHOW(syscall(SYS_sched_setscheduler, 0, 0, NULL));
    SHOW(syscall(SYS_sched_setscheduler, 0, 0, 8));
    SHOW(set_policy(0, SCHED_FIFO, 99));
    SHOW(get_policy(0));
    SHOW(get_priority(0));
    SHOW(set_priority(0, 5));
    SHOW(get_priority(0));
    SHOW(set_priority(0, 0));
    struct timespec slice;
    CHECK(syscall(SYS_sched_rr_get_interval, 0, &slice) == 0);
    say("the slice of SCHED_FIFO: %ld.%09ld", (long)slice.tv_sec, slice.tv_nsec);
    SHOW(set_policy(0, SCHED_RR, 7));
    CHECK(syscall(SYS_sched_rr_get_interval, 0, &slice) == 0);
    say("the slice of SCHED_RR: %ld.%09ld", (long)slice.tv_sec, slice.tv_nsec);
    SHOW(syscall(SYS_sched_rr_get_interval, -1, &slice));
    SHOW(set_policy(0, 3, 0));
    SHOW(get_policy(0));
    SHOW(set_policy(0, 5, 0));
    SHOW(get_policy(0));
    SHOW(set_policy(0, 0 | 0x40000000, 0));
    SHOW(get_policy(0));
    SHOW(set_policy(0, 0, 0));
    SHOW(get_policy(0));
}

static void show_all_attributes(void) {
    show_attributes("at first");
    struct attributes wanted = {.size = sizeof wanted, .policy = 3, .nice = 5};
    SHOW(set_attributes(&wanted));
    show_attributes("batch");
    wanted = (struct attributes){.size = 48, .policy = SCHED_RR, .priority = 3, .flags = 1};
    SHOW(set_attributes(&wanted));
    show_attributes("round robin");
    wanted = (struct attributes){.size = 48, .policy = SCHED_RR, .priority = 100};
    SHOW(set_attributes(&wanted));
    wanted = (struct attributes){.size = 0, .policy = 0, .nice = 99};
    SHOW(set_attributes(&wanted));
    show_attributes("the nicest");
    wanted = (struct attributes){.size = 40};
    SHOW(set_attributes(&wanted));
    say("the size that is known: %u", wanted.size);
    struct {
        struct attributes known;
        uint64_t more;
    } larger = {.known = {.size = sizeof larger}, .more = 1};
    SHOW(set_attributes(&larger.known));
    larger.known.size = sizeof larger, larger.more = 0;
    SHOW(set_attributes(&larger.known));
    wanted = (struct attributes){.size = 48, .flags = 1 << 20};
    SHOW(set_attributes(&wanted));
    SHOW(syscall(SYS_sched_setattr, 0, &wanted, 1));
    SHOW(syscall(SYS_sched_setattr, 0, NULL, 0));
    SHOW(syscall(SYS_sched_getattr, 0, &wanted, 47, 0));
    SHOW(syscall(SYS_sched_getattr, 0, &wanted, 5000, 0));
    SHOW(syscall(SYS_sched_getattr, 0, &wanted, sizeof wanted, 1));
    SHOW(syscall(SYS_sched_getattr, no_such_task, &wanted, sizeof wanted, 0));
}

static void show_nice(void) {
    SHOW(raw_nice(PRIO_PROCESS, 0));
    SHOW(raw_nice(3, 0));
    SHOW(raw_nice(-1, 0));
    SHOW(raw_nice(PRIO_PROCESS, no_such_task));
    SHOW(setpriority(PRIO_PROCESS, 0, 5));
    SHOW(raw_nice(PRIO_PROCESS, 0));
    SHOW(setpriority(PRIO_PROCESS, 0, -50));
    SHOW(raw_nice(PRIO_PROCESS, 0));
    SHOW(setpriority(PRIO_PROCESS, 0, 50));
    SHOW(raw_nice(PRIO_PROCESS, 0));
    SHOW(setpriority(PRIO_PROCESS, 0, 3));
    CHECK(setpgid(0, 0) == 0);
    SHOW(raw_nice(PRIO_PGRP, 0));
    if (fork() == 0) {
        say("a child's: %ld", raw_nice(PRIO_PROCESS, 0));
        _exit(0);
    }
    wait(NULL);
    SHOW((int)syscall(SYS_ioprio_get, 1, 0));
    SHOW((int)syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 6));
    SHOW((int)syscall(SYS_ioprio_get, 1, 0));
    SHOW((int)syscall(SYS_ioprio_set, 1, 0, 4 << 13));
    SHOW((int)syscall(SYS_ioprio_set, 1, 0, 1));
    SHOW((int)syscall(SYS_ioprio_set, 9, 0, 0));
    SHOW((int)syscall(SYS_ioprio_get, 1, no_such_task));
}

static void show_affinity(void) {
    unsigned long mask[16] = {0};
    SHOW(syscall(SYS_sched_getaffinity, 0, sizeof mask[0], mask));
    say("processors: %#lx", mask[0]);
    SHOW(syscall(SYS_sched_getaffinity, 0, 7, mask));
    SHOW(syscall(SYS_sched_getaffinity, no_such_task, sizeof mask[0], mask));
    mask[0] = 0;
    SHOW(syscall(SYS_sched_setaffinity, 0, sizeof mask[0], mask));
    SHOW(syscall(SYS_sched_setaffinity, 0, sizeof mask[0], 8));
    SHOW(syscall(SYS_sched_setaffinity, no_such_task, sizeof mask[0], mask));
    unsigned processor = 9, node = 9;
    SHOW(syscall(SYS_getcpu, &processor, &node, NULL));
    say("processor %u", processor);
}

// A user's tasks: what he may not, and what he may only give up.
static void show_user(void) {
    pid_t child = fork();
    if (child == 0) {
        struct rlimit none = {0, 0};
        CHECK(setrlimit(RLIMIT_NICE, &none) == 0 && setrlimit(RLIMIT_RTPRIO, &none) == 0);
        CHECK(setpriority(PRIO_PROCESS, 0, 5) == 0);
        CHECK(syscall(SYS_setresuid, user, user, user) == 0);
        SHOW(set_policy(0, SCHED_FIFO, 1));
        SHOW(set_policy(0, 3, 0));
        SHOW(setpriority(PRIO_PROCESS, 0, 6));
        SHOW(setpriority(PRIO_PROCESS, 0, 5));
        SHOW(setpriority(PRIO_PROCESS, getppid(), 19));
        SHOW(set_policy(getppid(), 0, 0));
        SHOW(set_policy(0, 5, 0));
        SHOW(set_policy(0, 0, 0));
        SHOW((int)syscall(SYS_ioprio_set, 1, 0, 1 << 13));
        SHOW((int)syscall(SYS_ioprio_set, 1, getppid(), 2 << 13));
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

// Children are made in one order, and run in the order of their priorities once this task waits.
static char* order;
static pid_t child_of_priority(int policy, int priority, char letter) {
    pid_t child = fork();
    if (child == 0) {
        for (volatile int i = 0; i < 100000; ++i) continue;
        order[strlen(order)] = letter;
        _exit(0);
    }
    CHECK(child > 0 && set_policy(child, policy, priority) == 0);
    return child;
}
static void show_order(void) {
    order = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(order != MAP_FAILED);
    CHECK(set_policy(0, SCHED_FIFO, 50) == 0);
    child_of_priority(SCHED_FIFO, 10, 'c');
    child_of_priority(0, 0, 'e');
    child_of_priority(SCHED_FIFO, 30, 'a');
    child_of_priority(SCHED_RR, 20, 'b');
    child_of_priority(SCHED_FIFO, 10, 'd');
    CHECK(sched_yield() == 0);
    say("nobody has run before: '%s'", order);
    while (wait(NULL) > 0) continue;
    say("the order is %s", order);
    // One of a higher priority takes the processor as soon as it is ready.
    pid_t child = fork();
    if (child == 0) {
        order[0] = 'x';
        _exit(0);
    }
    say("a child of the same priority waits: %c", order[0]);
    CHECK(set_policy(child, SCHED_FIFO, 60) == 0);
    (void)getppid();
    say("one of a higher does not: %c", order[0]);
    CHECK(waitpid(child, NULL, 0) == child);
    CHECK(set_policy(0, 0, 0) == 0);
}

static void show_slack(void) {
    SHOW(prctl(PR_GET_TIMERSLACK));
    SHOW(prctl(PR_SET_TIMERSLACK, 1000));
    SHOW(prctl(PR_GET_TIMERSLACK));
    if (fork() == 0) {
        SHOW(prctl(PR_SET_TIMERSLACK, 5));
        SHOW(prctl(PR_SET_TIMERSLACK, 0));
        SHOW(prctl(PR_GET_TIMERSLACK));
        _exit(0);
    }
    wait(NULL);
    SHOW(prctl(PR_SET_TIMERSLACK, 0));
    SHOW(prctl(PR_GET_TIMERSLACK));
    SHOW(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0));
    SHOW(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0));
    SHOW(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0));
    SHOW(prctl(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0, 0, 0));
    SHOW(prctl(PR_GET_TIMING));
    SHOW(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
    SHOW(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
    SHOW(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
    SHOW(prctl(999));
    struct tms times_now;
    clock_t ticks = times(&times_now);
    CHECK(ticks != (clock_t)-1 && times(NULL) >= ticks);
    say("children's ticks: %ld", (long)times_now.tms_cutime / 1000);
}

int main(void) {
    unsigned long only_first = 1;
    if (getuid() != 0 || syscall(SYS_sched_setaffinity, 0, sizeof only_first, &only_first) != 0) {
        say("this needs to be root");
        return exit_unsupported;
    }
    if (set_policy(0, SCHED_FIFO, 1) != 0) {
        say("real-time priorities cannot be had here");
        return exit_unsupported;
    }
    CHECK(set_policy(0, 0, 0) == 0);
    // Whoever started us may have been nice.
    CHECK(setpriority(PRIO_PROCESS, 0, 0) == 0);
    show_policies();
    show_affinity();
    show_order();
    show_user();
    show_slack();
    show_all_attributes();
    show_nice();
    return 0;
}
