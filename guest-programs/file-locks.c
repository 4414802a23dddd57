// file-locks: flock(2), fcntl(2)'s record locks and those of open files: ranges, owners, waiting, circles, and when
// they go.
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "answer.h"
#include "own-folder.h"

static const char* const name = "guest-locks";

static struct flock range(short type, off_t start, off_t length) {
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    return lock;
}

static int set(int fd, int command, short type, off_t start, off_t length) {
    struct flock lock = range(type, start, length);
    return fcntl(fd, command, &lock);
}

static const char* type_text(short type) { return type == F_RDLCK ? "read" : type == F_WRLCK ? "write" : "none"; }

// What another process sees in the way of a lock of these bytes.
static void look(const char* when, short type, off_t start, off_t length) {
    pid_t parent = getpid();
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int fd = open(name, O_RDWR);
        struct flock lock = range(type, start, length);
        if (fcntl(fd, F_GETLK, &lock) != 0) _exit(1);
        if (lock.l_type == F_UNLCK) {
            say("%s: nothing, the rest as it was: %d %d", when, (int)lock.l_start, (int)lock.l_len);
        } else {
            say("%s: %s lock, from %d, %d bytes, whence %d, the parent's %d, an open file's %d", when,
                type_text(lock.l_type), (int)lock.l_start, (int)lock.l_len, lock.l_whence, lock.l_pid == parent,
                lock.l_pid == -1);
        }
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void ranges(void) {
    int fd = open(name, O_RDWR);
    CHECK(set(fd, F_SETLK, F_WRLCK, 100, 100) == 0);
    look("100 bytes", F_RDLCK, 0, 0);
    look("just before", F_WRLCK, 0, 100);
    look("just behind", F_WRLCK, 200, 0);
    CHECK(set(fd, F_SETLK, F_UNLCK, 140, 20) == 0);
    look("with a hole, before it", F_RDLCK, 0, 0);
    look("in the hole", F_RDLCK, 140, 20);
    look("behind the hole", F_RDLCK, 140, 0);
    CHECK(set(fd, F_SETLK, F_RDLCK, 120, 60) == 0);
    look("a read lock over it, to read", F_RDLCK, 120, 60);
    look("a read lock over it, to write", F_WRLCK, 120, 60);
    look("what is left of the first", F_WRLCK, 0, 110);
    CHECK(set(fd, F_SETLK, F_WRLCK, 0, 0) == 0);
    look("all of it", F_RDLCK, 1 << 20, 1);
    CHECK(lseek(fd, 50, SEEK_SET) == 50);
    struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_CUR, .l_start = 10, .l_len = -20};
    CHECK(fcntl(fd, F_SETLK, &lock) == 0);
    look("backwards from here, a hole", F_RDLCK, 40, 20);
    CHECK(ftruncate(fd, 1000) == 0);
    lock = (struct flock){.l_type = F_UNLCK, .l_whence = SEEK_END, .l_start = -10, .l_len = 0};
    CHECK(fcntl(fd, F_SETLK, &lock) == 0);
    look("not the last ten", F_RDLCK, 500, 0);
    look("not beyond", F_RDLCK, 990, 0);
    // Any descriptor of the file that is closed takes them all along.
    int other = open(name, O_RDONLY);
    close(other);
    look("another descriptor closed", F_WRLCK, 0, 0);
    close(fd);
}

static void refusals(void) {
    int fd = open(name, O_RDWR), reader = open(name, O_RDONLY), writer = open(name, O_WRONLY);
    struct flock lock = range(F_RDLCK, -1, 0);
    SHOW(fcntl(fd, F_SETLK, &lock));
    lock = range(7, 0, 0);
    SHOW(fcntl(fd, F_SETLK, &lock));
    lock = range(F_RDLCK, 0, 0);
    lock.l_whence = 9;
    SHOW(fcntl(fd, F_SETLK, &lock));
    lock = range(F_RDLCK, INT64_MAX, 2);
    SHOW(fcntl(fd, F_SETLK, &lock));
    lock = range(F_RDLCK, 5, -10);
    SHOW(fcntl(fd, F_SETLK, &lock));
    lock = range(F_UNLCK, 0, 0);
    SHOW(fcntl(fd, F_GETLK, &lock));
    SHOW(fcntl(fd, F_SETLK, (void*)8));
    say("to write what can be read: %s", answer(set(reader, F_SETLK, F_WRLCK, 0, 0)));
    say("to read what can be written: %s", answer(set(writer, F_SETLK, F_RDLCK, 0, 0)));
    lock = range(F_RDLCK, 0, 0);
    lock.l_pid = 1;
    SHOW(fcntl(fd, F_OFD_SETLK, &lock));
    SHOW(flock(fd, 0));
    SHOW(flock(99, LOCK_EX));
    SHOW(fcntl(fd, F_GETLEASE));
    close(fd);
    close(reader);
    close(writer);
}

// A child holds a lock until it is told to end; answers what it is told by.
static int held_by_child(short type, off_t start, off_t length, pid_t* child) {
    int ready[2], go[2];
    CHECK(pipe(ready) == 0 && pipe(go) == 0);
    *child = fork();
    if (*child == 0) {
        close(go[1]);
        int fd = open(name, O_RDWR);
        char byte = 0;
        if (set(fd, F_SETLKW, type, start, length) != 0) _exit(1);
        if (write(ready[1], &byte, 1) != 1) _exit(1);
        if (read(go[0], &byte, 1) < 0) _exit(1);
        _exit(0);
    }
    close(go[0]);
    char byte;
    CHECK(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    close(ready[1]);
    return go[1];
}

static void waiting(void) {
    int fd = open(name, O_RDWR);
    pid_t child;
    int go = held_by_child(F_WRLCK, 10, 10, &child);
    say("held by a child: %s", answer(set(fd, F_SETLK, F_RDLCK, 0, 0)));
    say("beside it: %s", answer(set(fd, F_SETLK, F_WRLCK, 20, 10)));
    close(go);
    say("waited for, and the child's end: %s", answer(set(fd, F_SETLKW, F_WRLCK, 0, 20)));
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    look("one lock of it all", F_RDLCK, 0, 0);
    close(fd);
}

static void circle(void) {
    int fd = open(name, O_RDWR), ready[2];
    CHECK(pipe(ready) == 0);
    CHECK(set(fd, F_SETLK, F_WRLCK, 0, 1) == 0);
    pid_t child = fork();
    if (child == 0) {
        char byte = 0;
        if (set(fd, F_SETLK, F_WRLCK, 1, 1) != 0 || write(ready[1], &byte, 1) != 1) _exit(1);
        // The parent waits for us, or will: one of us is told.
        int result = set(fd, F_SETLKW, F_WRLCK, 0, 1);
        _exit(result == 0 ? 0 : errno == EDEADLK ? 2 : 3);
    }
    char byte;
    CHECK(read(ready[0], &byte, 1) == 1);
    int result = set(fd, F_SETLKW, F_WRLCK, 1, 1);
    int told = result != 0 && errno == EDEADLK;
    // Whoever was told gives way.
    if (told) CHECK(set(fd, F_SETLK, F_UNLCK, 0, 0) == 0);
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    say("a circle: one is told %d", told + (WEXITSTATUS(status) == 2));
    close(fd);
    close(ready[0]);
    close(ready[1]);
}

static void of_open_files(void) {
    int first = open(name, O_RDWR), second = open(name, O_RDWR);
    CHECK(set(first, F_OFD_SETLK, F_WRLCK, 0, 10) == 0);
    say("another open file: %s", answer(set(second, F_OFD_SETLK, F_RDLCK, 5, 10)));
    say("the process itself: %s", answer(set(second, F_SETLK, F_RDLCK, 5, 10)));
    look("seen from outside", F_RDLCK, 0, 0);
    int copy = dup(first);
    close(first);
    say("a copy keeps it: %s", answer(set(second, F_OFD_SETLK, F_RDLCK, 5, 10)));
    pid_t child = fork();
    if (child == 0) _exit(set(copy, F_OFD_SETLK, F_UNLCK, 0, 0) == 0 ? 0 : 1);
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    say("a child let go of it: %s", answer(set(second, F_OFD_SETLK, F_RDLCK, 5, 10)));
    close(copy);
    close(second);
    look("all closed", F_WRLCK, 0, 0);
}

static void forked(void) {
    int fd = open(name, O_RDWR);
    CHECK(set(fd, F_SETLK, F_WRLCK, 0, 0) == 0);
    pid_t child = fork();
    if (child == 0) {
        say("a child does not inherit it: %s", answer(set(fd, F_SETLK, F_WRLCK, 0, 0)));
        close(fd);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    look("nor lets go of it", F_RDLCK, 0, 0);
    close(fd);
}

static void ignore(int number) { (void)number; }

static void whole_files(void) {
    int first = open(name, O_RDONLY), second = open(name, O_RDONLY);
    CHECK(flock(first, LOCK_SH) == 0 && flock(second, LOCK_SH) == 0);
    say("one of two readers to write: %s", answer(flock(first, LOCK_EX | LOCK_NB)));
    say("what it had is gone: %s", answer(flock(second, LOCK_EX | LOCK_NB)));
    struct sigaction action = {.sa_handler = ignore};
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    // Again and again: the first may come before it waits.
    ualarm(20000, 20000);
    const char* told = answer(flock(first, LOCK_SH));
    ualarm(0, 0);
    say("an alarm while it waits: %s", told);
    pid_t child = fork();
    if (child == 0) {
        close(second);
        int own = open(name, O_RDONLY);
        _exit(flock(own, LOCK_EX) == 0 ? 0 : 1);
    }
    CHECK(flock(second, LOCK_UN) == 0);
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    say("a child got it and ended: %d", WEXITSTATUS(status));
    say("record locks do not mind: %s", answer(flock(first, LOCK_EX | LOCK_NB)));
    look("to them it is free", F_WRLCK, 0, 0);
    close(first);
    close(second);
}

static void owners(void) {
    int fd = open(name, O_RDWR);
    struct f_owner_ex owner = {F_OWNER_PID, getpid()};
    say("owner at first: %d", fcntl(fd, F_GETOWN));
    CHECK(fcntl(fd, F_SETOWN_EX, &owner) == 0);
    say("then: %d", fcntl(fd, F_GETOWN) == getpid());
    SHOW(fcntl(fd, F_SETOWN, 999999));
    CHECK(fcntl(fd, F_SETSIG, SIGUSR1) == 0);
    say("signal: %d", fcntl(fd, F_GETSIG) == SIGUSR1);
    SHOW(fcntl(fd, F_SETSIG, 65));
    close(fd);
}

int main(void) {
    enter_own_folder();
    int fd = open(name, O_RDWR | O_CREAT, 0600);
    CHECK(fd >= 0);
    close(fd);
    ranges();
    refusals();
    waiting();
    circle();
    of_open_files();
    forked();
    whole_files();
    owners();
    CHECK(unlink(name) == 0);
    leave_own_folder();
    return 0;
}
