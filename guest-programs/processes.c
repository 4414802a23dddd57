// processes: fork, vfork, exec, wait and what a child has of its parent: memory copied on write, shared memory, files,
// working directory, limits; orphans, zombies, groups and sessions.
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "guest.h"

static volatile int private_number = 1;

// What waitpid tells, as text.
static void say_end(const char* what, int status) {
    if (WIFEXITED(status)) say("%s: exit status %d", what, WEXITSTATUS(status));
    if (WIFSIGNALED(status)) say("%s: killed by signal %d", what, WTERMSIG(status));
    if (WIFSTOPPED(status)) say("%s: stopped by signal %d", what, WSTOPSIG(status));
    if (WIFCONTINUED(status)) say("%s: continued", what);
}

static int end_of(pid_t child) {
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

static void memory_after_fork(void) {
    int* shared = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        private_number = 2;
        *shared = 3;
        _exit(private_number);
    }
    say_end("child", end_of(child));
    say("after fork: private %d, shared %d", private_number, *shared);

    child = vfork();
    CHECK(child >= 0);
    if (child == 0) {
        private_number = 4;
        _exit(5);
    }
    say_end("vfork child", end_of(child));
    say("after vfork: private %d", private_number);
}

static void ways_to_end(void) {
    pid_t child = fork();
    if (child == 0) raise(SIGKILL);
    say_end("raise(SIGKILL)", end_of(child));
    child = fork();
    if (child == 0) {
        *(volatile int*)8 = 1;
        _exit(0);
    }
    say_end("null pointer", end_of(child));
    child = fork();
    if (child == 0) {
        for (;;) pause();
    }
    CHECK(kill(child, SIGTERM) == 0);
    say_end("kill(SIGTERM)", end_of(child));
    errno = 0;
    int none = (int)waitpid(-1, NULL, WNOHANG);
    say("no child left: %d, errno is ECHILD: %d", none, errno == ECHILD);
}

static void stop_and_continue(void) {
    int fds[2];
    CHECK(pipe(fds) == 0);
    pid_t child = fork();
    if (child == 0) {
        raise(SIGSTOP);
        // Were it over by then, nobody would be told that it went on.
        char byte;
        _exit(read(fds[0], &byte, 1) == 1 ? 7 : 8);
    }
    int status;
    CHECK(waitpid(child, &status, WUNTRACED) == child);
    say_end("child", status);
    CHECK(waitpid(child, &status, WNOHANG | WUNTRACED) == 0);
    CHECK(kill(child, SIGCONT) == 0);
    CHECK(waitpid(child, &status, WCONTINUED) == child);
    say_end("child", status);
    CHECK(write(fds[1], "", 1) == 1);
    say_end("child", end_of(child));
    close(fds[0]);
    close(fds[1]);
}

static void told_by_waitid(void) {
    pid_t child = fork();
    if (child == 0) _exit(9);
    siginfo_t info;
    memset(&info, 0, sizeof info);
    CHECK(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) == 0);
    say("waitid: signo %d, code %d, status %d, the child's pid: %d", info.si_signo, info.si_code, info.si_status,
        info.si_pid == child);
    say_end("still there", end_of(child));
}

// The grandchild outlives its parent and becomes somebody else's child.
static void orphan(void) {
    int fds[2];
    pid_t self = getpid();
    CHECK(pipe(fds) == 0);
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    pid_t child = fork();
    if (child == 0) {
        pid_t parent = getpid();
        if (fork() == 0) {
            while (getppid() == parent) sched_yield();
            char answer = getppid() == self ? 'y' : 'n';
            CHECK(write(fds[1], &answer, 1) == 1);
            _exit(11);
        }
        _exit(10);
    }
    say_end("parent of an orphan", end_of(child));
    char answer;
    CHECK(read(fds[0], &answer, 1) == 1);
    int status;
    CHECK(wait(&status) > 0);
    say("the orphan is ours: %c", answer);
    say_end("orphan", status);
    close(fds[0]);
    close(fds[1]);
}

static void groups(void) {
    pid_t child = fork();
    if (child == 0) {
        int own = setpgid(0, 0) == 0 && getpgrp() == getpid() && getsid(0) != getpid();
        errno = 0;
        int refused = setsid() == -1 && errno == EPERM;
        pid_t grandchild = fork();
        if (grandchild == 0) _exit(setsid() == getpid() && getsid(0) == getpid() && getpgrp() == getpid() ? 1 : 0);
        _exit(own << 2 | refused << 1 | WEXITSTATUS(end_of(grandchild)));
    }
    say("group, leader cannot leave, session: %d", WEXITSTATUS(end_of(child)));
}

static void run_again(char* self) {
    pid_t child = fork();
    if (child == 0) {
        char* arguments[] = {self, "again", "two words", NULL};
        char* environment[] = {"NAME=value", NULL};
        execve("/proc/self/exe", arguments, environment);
        _exit(99);
    }
    say_end("exec", end_of(child));
    child = fork();
    if (child == 0) {
        char* arguments[] = {"nothing", NULL};
        execve("/no/such/program", arguments, NULL);
        _exit(errno == ENOENT ? 12 : 99);
    }
    say_end("exec of nothing", end_of(child));
}

int main(int count, char** arguments) {
    if (count > 1 && strcmp(arguments[1], "again") == 0) {
        say("again: %d arguments, the last is \"%s\", NAME is %s", count, arguments[2], getenv("NAME"));
        return 42;
    }
    memory_after_fork();
    ways_to_end();
    stop_and_continue();
    told_by_waitid();
    groups();
    run_again(arguments[0]);
    orphan();
    return 0;
}
