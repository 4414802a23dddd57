// System V semaphores: sets that change together or not at all, waiting in turn, undoing at the end of a process.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "guest.h"

union argument {
    int value;
    struct semid_ds* status;
    unsigned short* values;
    struct seminfo* info;
};

#define SHOW(call)                                                                                    \
    do {                                                                                              \
        errno = 0;                                                                                    \
        long result_ = (long)(call);                                                                  \
        say("%s: %ld%s%s", #call, result_, errno != 0 ? " " : "", errno != 0 ? strerror(errno) : ""); \
    } while (0)

static int id;

static int control(int number, int command, int value) {
    union argument argument = {.value = value};
    return semctl(id, number, command, argument);
}
static int operate(int number, int change, int flags) {
    struct sembuf one = {(unsigned short)number, (short)change, (short)flags};
    return semop(id, &one, 1);
}
static void say_values(const char* what) {
    unsigned short values[3];
    union argument argument = {.values = values};
    CHECK(semctl(id, 0, GETALL, argument) == 0);
    say("%s: %u %u %u", what, values[0], values[1], values[2]);
}
// Lets a child get as far as it can by itself.
static void wait_until_waiting(int number, int command) {
    while (control(number, command, 0) == 0) nanosleep(&(struct timespec){0, 1000000}, NULL);
}
static void finish(pid_t child) {
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    say("child ended with %x", (unsigned)status);
}

static void show_sets(void) {
    key_t key = 0x5e100000 + getpid();
    SHOW(semget(key, 3, 0600));
    SHOW(semget(IPC_PRIVATE, 0, 0600));
    SHOW(semget(IPC_PRIVATE, -1, 0600));
    SHOW(semget(IPC_PRIVATE, 32001, 0600));
    id = semget(key, 3, IPC_CREAT | IPC_EXCL | 0600);
    CHECK(id >= 0);
    SHOW(semget(key, 4, 0600));
    say("the same %d", semget(key, 0, 0) == id);
    struct semid_ds status;
    union argument argument = {.status = &status};
    CHECK(semctl(id, 0, IPC_STAT, argument) == 0);
    say("%lu semaphores, mode %o, times %d %d", (unsigned long)status.sem_nsems, (unsigned)status.sem_perm.mode,
        status.sem_otime != 0, status.sem_ctime != 0);
    SHOW(control(3, GETVAL, 0));
    SHOW(control(0, SETVAL, 32768));
    SHOW(control(0, SETVAL, -1));
    SHOW(control(1, SETVAL, 5));
    SHOW(control(0, 99, 0));
    SHOW(operate(3, 1, 0));
    SHOW(semop(id, NULL, 0));
    SHOW(semop(id, (void*)8, 1));
    SHOW(syscall(SYS_semop, id, &status, 501));
    SHOW(operate(1, 32767, 0));
    SHOW(operate(0, -1, IPC_NOWAIT));
    SHOW(operate(1, 0, IPC_NOWAIT));
    struct sembuf together[3] = {{0, 2, 0}, {1, -5, 0}, {2, -1, IPC_NOWAIT}};
    SHOW(semop(id, together, 3));
    say_values("all or nothing");
    together[2].sem_op = 1;
    SHOW(semop(id, together, 3));
    say_values("all");
    say("by me %d", control(0, GETPID, 0) == getpid());
    CHECK(semctl(id, 0, IPC_STAT, argument) == 0);
    say("operated %d", status.sem_otime != 0);
    struct timespec soon = {0, 1000000}, wrong = {0, 1000000000};
    struct sembuf one = {1, -1, 0};
    SHOW(syscall(SYS_semtimedop, id, &one, 1, &soon));
    SHOW(syscall(SYS_semtimedop, id, &one, 1, &wrong));
    struct seminfo info;
    argument.info = &info;
    CHECK(semctl(0, 0, IPC_INFO, argument) >= 0);
    say("limits %d %d %d %d %d", info.semmni, info.semmsl, info.semopm, info.semvmx, info.semaem);
}

static void show_waiting(void) {
    CHECK(control(0, SETVAL, 0) == 0 && control(1, SETVAL, 1) == 0 && control(2, SETVAL, 0) == 0);
    pid_t child = fork();
    if (child == 0) _exit(operate(0, -2, 0) != 0);
    wait_until_waiting(0, GETNCNT);
    say("waiting %d %d", control(0, GETNCNT, 0), control(0, GETZCNT, 0));
    CHECK(operate(0, 1, 0) == 0);
    say("not yet: %d", control(0, GETVAL, 0));
    // What the child waited for is its own at once.
    CHECK(operate(0, 1, 0) == 0);
    SHOW(operate(0, -1, IPC_NOWAIT));
    finish(child);
    child = fork();
    if (child == 0) {
        say("child: zero %d", operate(1, 0, 0));
        _exit(0);
    }
    wait_until_waiting(1, GETZCNT);
    CHECK(operate(1, -1, 0) == 0);
    finish(child);
    child = fork();
    if (child == 0) {
        int result = operate(0, -1, 0);
        say("child: removed %d %s", result, strerror(errno));
        _exit(0);
    }
    wait_until_waiting(0, GETNCNT);
    CHECK(control(0, IPC_RMID, 0) == 0);
    finish(child);
    SHOW(operate(0, 1, 0));
}

static void ignore(int number) { (void)number; }

static void show_undo(void) {
    id = semget(IPC_PRIVATE, 3, 0600);
    CHECK(id >= 0 && operate(0, 5, 0) == 0);
    pid_t child = fork();
    if (child == 0) {
        CHECK(operate(0, -3, SEM_UNDO) == 0 && operate(1, 2, SEM_UNDO) == 0 && operate(2, 4, 0) == 0);
        CHECK(operate(1, -2, 0) == 0);
        say_values("child");
        _exit(0);
    }
    finish(child);
    say_values("undone");
    child = fork();
    if (child == 0) {
        CHECK(operate(0, -1, SEM_UNDO) == 0 && control(0, SETVAL, 9) == 0);
        raise(SIGKILL);
    }
    finish(child);
    say_values("set anew");
    signal(SIGALRM, ignore);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = ignore;
    action.sa_flags = SA_RESTART;
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    // Again and again: the first may come before it waits.
    ualarm(20000, 20000);
    SHOW(operate(1, -1, 0));
    ualarm(0, 0);
    CHECK(control(0, IPC_RMID, 0) == 0);
}

int main(void) {
    show_sets();
    show_waiting();
    show_undo();
    return 0;
}
