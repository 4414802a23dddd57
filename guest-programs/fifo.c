// fifo: names of pipes: opening waits for the other end, one pipe for each inode, packets, sizes, what poll says.
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "answer.h"
#include "own-folder.h"

static const char* const name = "guest-fifo";
static const char* const second_name = "guest-fifo-2";

static int events_of(int fd) {
    struct pollfd entry = {fd, POLLIN | POLLOUT, 0};
    CHECK(poll(&entry, 1, 0) >= 0);
    return entry.revents;
}

static void meeting(void) {
    pid_t child = fork();
    if (child == 0) {
        int writer = open(name, O_WRONLY);
        _exit(writer >= 0 && write(writer, "hello", 5) == 5 ? 0 : 1);
    }
    int reader = open(name, O_RDONLY);
    CHECK(reader >= 0);
    char text[16] = "";
    ssize_t got = read(reader, text, sizeof text);
    say("from the writer: %zd %s", got, text);
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    say("after it: %zd", read(reader, text, sizeof text));
    say("poll at the end: %#x", events_of(reader));
    // Another writer makes it go on.
    CHECK(link(name, second_name) == 0);
    int writer = open(second_name, O_WRONLY);
    CHECK(writer >= 0 && write(writer, "again", 5) == 5);
    struct stat a, b;
    CHECK(fstat(reader, &a) == 0 && fstat(writer, &b) == 0);
    say("one inode: %d, FIFO: %d, links %d, size %d", a.st_ino == b.st_ino, S_ISFIFO(a.st_mode), (int)a.st_nlink,
        (int)a.st_size);
    int waiting = 0;
    CHECK(ioctl(reader, FIONREAD, &waiting) == 0);
    say("inside: %d, poll: %#x", waiting, events_of(reader));
    CHECK(unlink(second_name) == 0);
    close(writer);
    memset(text, 0, sizeof text);
    got = read(reader, text, sizeof text);
    say("what was left behind: %zd %s", got, text);
    close(reader);
}

static void not_waiting(void) {
    SHOW(open(name, O_WRONLY | O_NONBLOCK));
    int reader = open(name, O_RDONLY | O_NONBLOCK);
    CHECK(reader >= 0);
    char byte;
    say("nobody has written: %zd, poll %#x", read(reader, &byte, 1), events_of(reader));
    int writer = open(name, O_WRONLY | O_NONBLOCK);
    CHECK(writer >= 0);
    say("a writer is there: %s, poll %#x", answer(read(reader, &byte, 1)), events_of(reader));
    close(writer);
    say("it is gone: %zd, poll %#x", read(reader, &byte, 1), events_of(reader));
    close(reader);
    int both = open(name, O_RDWR);
    CHECK(both >= 0 && write(both, "x", 1) == 1 && read(both, &byte, 1) == 1);
    say("both ends: %c, poll %#x", byte, events_of(both));
    CHECK(write(both, "lost", 4) == 4);
    close(both);
    both = open(name, O_RDWR | O_NONBLOCK);
    say("what was inside is gone: %s", answer(read(both, &byte, 1)));
    SHOW(lseek(both, 0, SEEK_SET));
    close(both);
}

static void ignore(int number) { (void)number; }

static void interrupted(void) {
    struct sigaction action = {.sa_handler = ignore};
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    // Again and again: the first may come before it waits.
    ualarm(20000, 20000);
    const char* told = answer(open(name, O_RDONLY));
    ualarm(0, 0);
    say("an alarm while it waits: %s", told);
}

static void packets(void) {
    int fds[2];
    CHECK(pipe2(fds, O_DIRECT | O_NONBLOCK) == 0);
    CHECK(write(fds[1], "first", 5) == 5 && write(fds[1], "second", 6) == 6);
    char text[64] = "";
    ssize_t got = read(fds[0], text, sizeof text);
    say("a packet: %zd %.*s", got, (int)got, text);
    got = read(fds[0], text, 3);
    say("a part: %zd %.*s", got, (int)got, text);
    say("the rest is lost: %s", answer(read(fds[0], text, sizeof text)));
    static char large[5000];
    CHECK(write(fds[1], large, sizeof large) == sizeof large);
    say("more than a page: %zd", read(fds[0], large, sizeof large));
    say("and what was behind it: %zd", read(fds[0], large, sizeof large));
    CHECK(fcntl(fds[1], F_SETFL, O_NONBLOCK) == 0);
    CHECK(write(fds[1], "a", 1) == 1 && write(fds[1], "b", 1) == 1);
    say("a stream again: %zd", read(fds[0], text, sizeof text));
    close(fds[0]);
    close(fds[1]);
}

static void sizes(void) {
    int fds[2];
    CHECK(pipe2(fds, O_NONBLOCK) == 0);
    say("size %d, set to 5000: %d", fcntl(fds[0], F_GETPIPE_SZ), fcntl(fds[1], F_SETPIPE_SZ, 5000));
    static char block[20000];
    say("then it holds %zd", write(fds[1], block, sizeof block));
    SHOW(fcntl(fds[1], F_SETPIPE_SZ, 4096));
    CHECK(read(fds[0], block, 4096) == 4096);
    say("smaller: %d", fcntl(fds[1], F_SETPIPE_SZ, 1));
    SHOW(fcntl(open("/dev/null", O_RDONLY), F_GETPIPE_SZ));
    close(fds[0]);
    close(fds[1]);
    // Each write that does not fit behind the last takes a page of its own.
    CHECK(pipe2(fds, O_NONBLOCK) == 0);
    int count = 0;
    while (write(fds[1], block, 2500) == 2500) ++count;
    say("writes of 2500 bytes: %d, poll %#x", count, events_of(fds[1]));
    say("a small one still goes behind: %zd", write(fds[1], block, 1000));
    close(fds[0]);
    close(fds[1]);
}

int main(void) {
    enter_own_folder();
    CHECK(mkfifo(name, 0600) == 0);
    meeting();
    not_waiting();
    interrupted();
    packets();
    sizes();
    CHECK(unlink(name) == 0);
    leave_own_folder();
    return 0;
}
