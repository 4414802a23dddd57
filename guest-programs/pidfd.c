// Processes by descriptor: opening, signals, waiting and polling, taking files, clone with CLONE_PIDFD.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "answer.h"

#define P_PIDFD_ 3
enum { nonblock = O_NONBLOCK, thread_flag = O_EXCL };

static int open_pid(pid_t pid, unsigned flags) { return (int)syscall(SYS_pidfd_open, pid, flags); }
static long send(int pidfd, int number, siginfo_t* info, unsigned flags) {
    return syscall(SYS_pidfd_send_signal, pidfd, number, info, flags);
}
static int take_file(int pidfd, int fd, unsigned flags) { return (int)syscall(SYS_pidfd_getfd, pidfd, fd, flags); }
// The wrapper of some C libraries does not know P_PIDFD.
static long wait_by(int pidfd, siginfo_t* info, int options) {
    return syscall(SYS_waitid, P_PIDFD_, pidfd, info, options, NULL);
}
static void show_poll(const char* when, int pidfd, int timeout_ms) {
    struct pollfd asked = {pidfd, POLLIN, 0};
    int ready = poll(&asked, 1, timeout_ms);
    say("poll %s: %d%s%s", when, ready, asked.revents & POLLIN ? " POLLIN" : "",
        asked.revents & POLLHUP ? " POLLHUP" : "");
}

static pid_t idle_child(void) {
    pid_t child = fork();
    if (child == 0) {
        for (;;) pause();
    }
    return child;
}
static pid_t child_with_status(int status) {
    pid_t child = fork();
    if (child == 0) _exit(status);
    return child;
}

static void show_opening(void) {
    int own = open_pid(getpid(), 0);
    CHECK(own >= 0);
    SHOW(fcntl(own, F_GETFD));
    SHOW(fcntl(own, F_GETFL));
    int patient = open_pid(getpid(), nonblock);
    SHOW(fcntl(patient, F_GETFL));
    SHOW(open_pid(0, 0));
    SHOW(open_pid(-1, 0));
    SHOW(open_pid(getpid(), 1));
    SHOW(open_pid(4194303, 0));
    char text[64], path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", own);
    ssize_t length = readlink(path, text, sizeof text);
    say("it is %.*s", (int)length, text);
    int again = open(path, O_RDONLY);
    say("opened again: %s", again >= 0 ? "yes" : strerror(errno));
    say("which is one: %s", answer(send(again, 0, NULL, 0)));
    struct stat status;
    CHECK(fstat(own, &status) == 0);
    say("mode %o, size %ld", status.st_mode, (long)status.st_size);
    SHOW(read(own, text, sizeof text));
    SHOW(write(own, "x", 1));
    SHOW(lseek(own, 0, SEEK_SET));
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", own);
    int info = open(path, O_RDONLY);
    static char content[512];
    length = read(info, content, sizeof content - 1);
    CHECK(length > 0);
    content[length] = 0;
    char* pid = strstr(content, "Pid:\t");
    CHECK(pid != NULL);
    say("fdinfo: flags %.8s, its number %s", strstr(content, "flags:\t") + 7,
        atoi(pid + 5) == getpid() ? "is ours" : "is not ours");
    close(info), close(again), close(patient), close(own);
}

static volatile sig_atomic_t got_signal, got_code, got_value;
static void handler(int number, siginfo_t* info, void* context) {
    (void)context;
    got_signal = number;
    got_code = info->si_code;
    got_value = info->si_value.sival_int;
}

static void show_signals(void) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    int own = open_pid(getpid(), 0), own_thread = open_pid(getpid(), thread_flag);
    SHOW(send(own, SIGUSR1, NULL, 0));
    say("got %d code %d", got_signal == SIGUSR1, got_code);
    SHOW(send(own, SIGUSR1, NULL, 1));
    say("as to a thread: code %d", got_code);
    SHOW(send(own_thread, SIGUSR1, NULL, 0));
    say("of a thread: code %d", got_code);
    SHOW(send(own_thread, SIGUSR1, NULL, 2));
    say("as to a process: code %d", got_code);
    siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};
    info.si_value.sival_int = 77;
    SHOW(send(own, SIGUSR1, &info, 0));
    say("with a value: code %d value %d", got_code, got_value);
    info.si_signo = SIGUSR2;
    SHOW(send(own, SIGUSR1, &info, 0));
    SHOW(send(own, 0, NULL, 0));
    SHOW(send(own, 99, NULL, 0));
    SHOW(send(own, 0, NULL, 3));
    SHOW(send(own, 0, NULL, 8));
    SHOW(send(STDOUT_FILENO, 0, NULL, 0));
    SHOW(send(-1, 0, NULL, 0));
    SHOW(send(own, 0, (siginfo_t*)8, 0));
    close(own), close(own_thread);
}

static void show_waiting(void) {
    pid_t child = idle_child();
    int pidfd = open_pid(child, 0), patient = open_pid(child, nonblock);
    siginfo_t info = {0};
    show_poll("while it lives", pidfd, 0);
    SHOW(wait_by(patient, &info, WEXITED));
    SHOW(wait_by(pidfd, &info, WEXITED | WNOHANG));
    SHOW(wait_by(pidfd, &info, 0));
    SHOW(wait_by(STDOUT_FILENO, &info, WEXITED));
    SHOW(wait_by(-1, &info, WEXITED));
    siginfo_t queued = {.si_signo = SIGTERM, .si_code = SI_USER};
    SHOW(send(pidfd, SIGTERM, &queued, 0));
    SHOW(send(pidfd, SIGTERM, NULL, 0));
    show_poll("until it is over", pidfd, -1);
    SHOW(send(pidfd, 0, NULL, 0));
    SHOW(take_file(pidfd, 1, 0));
    int late = open_pid(child, 0);
    say("a zombie can be opened: %s", late >= 0 ? "yes" : "no");
    SHOW(wait_by(pidfd, &info, WEXITED | WNOWAIT));
    say("the right child %d, code %d, status %d", info.si_pid == child, info.si_code, info.si_status);
    SHOW(wait_by(patient, &info, WEXITED));
    SHOW(wait_by(pidfd, &info, WEXITED));
    show_poll("once nobody can wait for it", pidfd, 0);
    SHOW(send(pidfd, 0, NULL, 0));
    close(pidfd), close(patient), close(late);

    // A descriptor that leads to nobody's child.
    int own = open_pid(getpid(), 0);
    SHOW(wait_by(own, &info, WEXITED));
    close(own);
}

// The end wakes who waits in poll(2).
static void show_waking(void) {
    int go[2];
    CHECK(pipe(go) == 0);
    pid_t child = fork();
    if (child == 0) {
        char byte;
        _exit(read(go[0], &byte, 1) == 1 ? 5 : 6);
    }
    int pidfd = open_pid(child, 0);
    pid_t second = fork();
    if (second == 0) {
        show_poll("by another process", pidfd, -1);
        _exit(0);
    }
    CHECK(write(go[1], "x", 1) == 1);
    CHECK(waitpid(second, NULL, 0) == second);
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    say("status %d", WEXITSTATUS(status));
    close(go[0]), close(go[1]), close(pidfd);
}

static void show_taking(void) {
    int to_child[2], from_child[2];
    char byte, text[16] = "";
    CHECK(pipe(to_child) == 0 && pipe(from_child) == 0);
    pid_t child = fork();
    if (child == 0) {
        int secret[2];
        CHECK(pipe(secret) == 0 && dup2(secret[0], 100) == 100 && write(secret[1], "from inside", 11) == 11);
        CHECK(write(from_child[1], "x", 1) == 1);
        _exit(read(to_child[0], &byte, 1) == 1 ? 0 : 1);
    }
    CHECK(read(from_child[0], &byte, 1) == 1);
    int pidfd = open_pid(child, 0);
    int taken = take_file(pidfd, 100, 0);
    CHECK(taken >= 0);
    SHOW(fcntl(taken, F_GETFD));
    CHECK(read(taken, text, 11) == 11);
    say("taken: %s", text);
    SHOW(take_file(pidfd, 101, 0));
    SHOW(take_file(pidfd, 100, 1));
    SHOW(take_file(STDOUT_FILENO, 0, 0));
    CHECK(write(to_child[1], "x", 1) == 1 && waitpid(child, NULL, 0) == child);
    SHOW(take_file(pidfd, 0, 0));
    close(pidfd), close(taken);
    close(to_child[0]), close(to_child[1]), close(from_child[0]), close(from_child[1]);
}

static int status_of(void* argument) { return (int)(long)argument; }

static void show_cloning(void) {
    static char stack[16384] __attribute__((aligned(16)));
    int pidfd = -1;
    pid_t child = clone(status_of, stack + sizeof stack, CLONE_PIDFD | SIGCHLD, (void*)3, &pidfd);
    CHECK(child > 0 && pidfd >= 0);
    siginfo_t info = {0};
    SHOW(fcntl(pidfd, F_GETFD));
    SHOW(wait_by(pidfd, &info, WEXITED));
    say("the right child %d, status %d", info.si_pid == child, info.si_status);
    close(pidfd);
    SHOW(syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0, &pidfd, 0, 0));
    SHOW(syscall(SYS_clone, CLONE_PIDFD | CLONE_DETACHED | SIGCHLD, 0, &pidfd, 0, 0));
    SHOW(syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, 8, 0, 0));

    struct {
        uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size,
            cgroup;
    } arguments = {.flags = CLONE_PIDFD, .pidfd = (uintptr_t)&pidfd, .exit_signal = SIGCHLD};
    child = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    if (child == 0) _exit(4);
    CHECK(child > 0 && wait_by(pidfd, &info, WEXITED) == 0);
    say("clone3: the right child %d, status %d", info.si_pid == child, info.si_status);
    close(pidfd);
    arguments.flags = CLONE_PIDFD | CLONE_PARENT_SETTID;
    arguments.parent_tid = arguments.pidfd;
    SHOW(syscall(SYS_clone3, &arguments, sizeof arguments));
}

static int gate[2];
static volatile pid_t thread_number;
static void* thread_body(void* argument) {
    char byte;
    thread_number = (pid_t)syscall(SYS_gettid);
    if (write(*(int*)argument, "x", 1) != 1 || read(gate[0], &byte, 1) != 1) return NULL;
    return NULL;
}

static void show_threads(void) {
    int ready[2];
    char byte;
    pthread_t thread;
    CHECK(pipe(gate) == 0 && pipe(ready) == 0);
    CHECK(pthread_create(&thread, NULL, thread_body, &ready[1]) == 0);
    CHECK(read(ready[0], &byte, 1) == 1);
    SHOW(open_pid(thread_number, 0));
    int pidfd = open_pid(thread_number, thread_flag);
    CHECK(pidfd >= 0);
    show_poll("a thread that lives", pidfd, 0);
    SHOW(send(pidfd, 0, NULL, 0));
    CHECK(write(gate[1], "x", 1) == 1 && pthread_join(thread, NULL) == 0);
    // Its end is told, and its number is free a moment later.
    struct pollfd end = {pidfd, POLLIN, 0};
    CHECK(poll(&end, 1, -1) == 1);
    while (syscall(SYS_tgkill, getpid(), thread_number, 0) == 0) usleep(1000);
    show_poll("a thread that is over", pidfd, -1);
    SHOW(send(pidfd, 0, NULL, 0));
    close(pidfd), close(gate[0]), close(gate[1]), close(ready[0]), close(ready[1]);
}

// More than one end of the same process.
static void show_order(void) {
    int pidfds[3];
    for (int i = 0; i < 3; ++i) pidfds[i] = open_pid(child_with_status(10 + i), 0);
    for (int i = 2; i >= 0; --i) {
        siginfo_t info = {0};
        CHECK(wait_by(pidfds[i], &info, WEXITED) == 0);
        say("waited for number %d: %d", i, info.si_status);
        close(pidfds[i]);
    }
}

int main(void) {
    need_root();
    show_opening();
    show_signals();
    show_waiting();
    show_waking();
    show_taking();
    show_cloning();
    show_threads();
    show_order();
    return 0;
}
