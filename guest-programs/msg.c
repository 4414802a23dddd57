// System V message queues: kinds of messages, what fits, and who waits.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/wait.h>
#include <time.h>

#include "guest.h"

enum { msg_copy = 040000, msg_except = 020000 };
struct message {
    long type;
    char text[9000];
};
static struct message message;
static int id;

#define SHOW(call)                                                                                    \
    do {                                                                                              \
        errno = 0;                                                                                    \
        long result_ = (long)(call);                                                                  \
        say("%s: %ld%s%s", #call, result_, errno != 0 ? " " : "", errno != 0 ? strerror(errno) : ""); \
    } while (0)

static int put(long type, const char* text, int flags) {
    message.type = type;
    strcpy(message.text, text);
    return msgsnd(id, &message, strlen(text), flags);
}
static void get(long type, int flags) {
    memset(&message, 0, sizeof message);
    errno = 0;
    long size = (long)msgrcv(id, &message, 16, type, flags | IPC_NOWAIT);
    say("type %ld flags %o: %ld, %ld %s %s", type, (unsigned)flags, size, message.type, message.text,
        errno != 0 ? strerror(errno) : "");
}
static void say_status(void) {
    struct msqid_ds status;
    CHECK(msgctl(id, IPC_STAT, &status) == 0);
    say("%lu messages, %lu bytes of %lu, by me %d %d, times %d %d", (unsigned long)status.msg_qnum,
        (unsigned long)status.__msg_cbytes, (unsigned long)status.msg_qbytes, status.msg_lspid == getpid(),
        status.msg_lrpid == getpid(), status.msg_stime != 0, status.msg_rtime != 0);
}
// Lets a child get as far as it can by itself; what is over waits no more.
static void wait_until_waiting(pid_t child) {
    char path[32], text[512], state = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)child);
    while (state != 'S' && state != 'Z') {
        nanosleep(&(struct timespec){0, 1000000}, NULL);
        int fd = open(path, O_RDONLY);
        CHECK(fd >= 0);
        ssize_t got = read(fd, text, sizeof text - 1);
        CHECK(got > 0 && close(fd) == 0);
        text[got] = 0;
        state = strrchr(text, ')')[2];
    }
}
static void finish(pid_t child) {
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    say("child ended with %x", (unsigned)status);
}

static void show_kinds(void) {
    key_t key = 0x5e200000 + getpid();
    SHOW(msgget(key, 0600));
    id = msgget(key, IPC_CREAT | IPC_EXCL | 0600);
    CHECK(id >= 0);
    SHOW(msgget(key, IPC_CREAT | IPC_EXCL | 0600));
    say_status();
    SHOW(put(0, "x", 0));
    SHOW(msgsnd(id, &message, 8193, 0));
    SHOW(msgsnd(id, (void*)8, 1, 0));
    SHOW(msgsnd(-1, &message, 1, 0));
    SHOW(msgrcv(id, &message, (size_t)-1, 0, 0));
    SHOW(msgrcv(id, &message, 1, 0, msg_copy));
    CHECK(put(5, "five", 0) == 0 && put(3, "three", 0) == 0 && put(7, "seven", 0) == 0 && put(3, "again", 0) == 0);
    say_status();
    get(1, msg_copy);
    get(9, msg_copy);
    get(7, 0);
    get(7, 0);
    get(-4, 0);
    get(5, msg_except);
    get(0, 0);
    get(0, 0);
    CHECK(put(1, "a long one of its kind", 0) == 0);
    get(0, 0);
    get(0, MSG_NOERROR);
    CHECK(put(2, "", 0) == 0);
    get(0, 0);
    say_status();
    SHOW(msgctl(id, 99, NULL));
    struct msqid_ds status;
    CHECK(msgctl(id, IPC_STAT, &status) == 0);
    status.msg_qbytes = 10;
    CHECK(msgctl(id, IPC_SET, &status) == 0);
    SHOW(put(1, "too many bytes", IPC_NOWAIT));
    SHOW(put(1, "few", IPC_NOWAIT));
    SHOW(put(1, "others", IPC_NOWAIT));
    say_status();
}

static void show_waiting(void) {
    // The queue holds "few" and "others", and ten bytes at most.
    pid_t child = fork();
    if (child == 0) _exit(put(2, "later", 0) != 0);
    wait_until_waiting(child);
    get(0, 0);
    get(0, 0);
    finish(child);
    get(0, 0);
    int taken[2];
    CHECK(pipe(taken) == 0);
    child = fork();
    if (child == 0) {
        long size = (long)msgrcv(id, &message, 3, 4, 0);
        say("child: got %ld %s", size, size < 0 ? strerror(errno) : message.text);
        size = (long)msgrcv(id, &message, 9, 4, 0);
        say("child: got %ld %.5s", size, message.text);
        CHECK(write(taken[1], "", 1) == 1);
        size = (long)msgrcv(id, &message, 9, 4, 0);
        say("child: got %ld %s", size, strerror(errno));
        _exit(0);
    }
    wait_until_waiting(child);
    CHECK(put(1, "no", 0) == 0);
    CHECK(put(4, "large", 0) == 0);
    char byte;
    CHECK(read(taken[0], &byte, 1) == 1);
    wait_until_waiting(child);
    say_status();
    CHECK(msgctl(id, IPC_RMID, NULL) == 0);
    finish(child);
    SHOW(put(1, "x", 0));
    CHECK(close(taken[0]) == 0 && close(taken[1]) == 0);
}

int main(void) {
    show_kinds();
    show_waiting();
    return 0;
}
