// pipes: bytes between processes through pipes and pairs of sockets, blocking and not, what poll and select say,
// SIGPIPE, the end of the file, eventfd.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "guest.h"

static int got_signal;
static void note(int number) { got_signal = number; }

static void through_a_pipe(void) {
    int fds[2];
    CHECK(pipe(fds) == 0);
    pid_t child = fork();
    if (child == 0) {
        close(fds[0]);
        static char block[100000];
        for (size_t i = 0; i < sizeof block; ++i) block[i] = (char)(i * 7);
        for (size_t done = 0; done < sizeof block;) {
            ssize_t written = write(fds[1], block + done, sizeof block - done);
            if (written <= 0) _exit(1);
            done += (size_t)written;
        }
        _exit(0);
    }
    close(fds[1]);
    size_t total = 0;
    unsigned sum = 0;
    unsigned char buffer[777];
    for (ssize_t got; (got = read(fds[0], buffer, sizeof buffer)) > 0; total += (size_t)got) {
        for (ssize_t i = 0; i < got; ++i) sum = sum * 31 + buffer[i];
    }
    close(fds[0]);
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    say("through a pipe: %zu bytes, sum %u, child %d", total, sum, WEXITSTATUS(status));
}

static const char* events_text(short events) {
    static char text[64];
    snprintf(text, sizeof text, "%s%s%s%s", events & POLLIN ? "in " : "", events & POLLOUT ? "out " : "",
             events & POLLHUP ? "hup " : "", events & POLLERR ? "err " : "");
    return text;
}

static void look(const char* when, int fd, short wanted) {
    struct pollfd entry = {fd, wanted, 0};
    int ready = poll(&entry, 1, 0);
    say("poll, %s: %d %s", when, ready, events_text(entry.revents));
}

static void polling(void) {
    int fds[2];
    CHECK(pipe2(fds, O_NONBLOCK | O_CLOEXEC) == 0);
    look("empty, read end", fds[0], POLLIN);
    look("empty, write end", fds[1], POLLOUT);
    char byte;
    errno = 0;
    ssize_t got = read(fds[0], &byte, 1);
    say("read of an empty pipe: %zd, EAGAIN: %d", got, errno == EAGAIN);
    size_t room = 0;
    static char zeroes[4096];
    while (write(fds[1], zeroes, sizeof zeroes) == sizeof zeroes) room += sizeof zeroes;
    say("a pipe holds %zu bytes", room);
    look("full, write end", fds[1], POLLOUT);
    look("full, read end", fds[0], POLLIN);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fds[0], &set);
    struct timeval no_time = {0, 0};
    say("select: %d", select(fds[0] + 1, &set, NULL, NULL, &no_time));
    close(fds[1]);
    look("writer gone", fds[0], POLLIN);
    while (read(fds[0], zeroes, sizeof zeroes) > 0) {
    }
    look("writer gone, empty", fds[0], POLLIN);
    close(fds[0]);

    struct pollfd bad = {fds[0], POLLIN, 0};
    int ready = poll(&bad, 1, 0);
    say("a closed descriptor: %d, POLLNVAL: %d", ready, bad.revents == POLLNVAL);
    say("nothing, 20 ms: %d", poll(NULL, 0, 20));
}

static void nobody_reads(void) {
    int fds[2];
    CHECK(pipe(fds) == 0);
    close(fds[0]);
    signal(SIGPIPE, note);
    errno = 0;
    ssize_t written = write(fds[1], "x", 1);
    say("nobody reads: %zd, EPIPE: %d, SIGPIPE: %d", written, errno == EPIPE, got_signal == SIGPIPE);
    look("nobody reads", fds[1], POLLOUT);
    signal(SIGPIPE, SIG_DFL);
    close(fds[1]);
}

// A child writes after a while; the parent waits for it in poll.
static void waiting_in_poll(void) {
    int fds[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    pid_t child = fork();
    if (child == 0) {
        usleep(1000);
        CHECK(write(fds[1], "ping", 4) == 4);
        char answer[5] = "";
        CHECK(read(fds[1], answer, 4) == 4);
        _exit(strcmp(answer, "pong") == 0 ? 0 : 1);
    }
    close(fds[1]);
    struct pollfd entry = {fds[0], POLLIN, 0};
    int ready = poll(&entry, 1, 10000);
    char text[5] = "";
    CHECK(read(fds[0], text, 4) == 4 && write(fds[0], "pong", 4) == 4);
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    say("poll woke: %d, got %s, the child got its answer: %d", ready, text, WEXITSTATUS(status) == 0);
    CHECK(shutdown(fds[0], SHUT_WR) == 0);
    say("end of the stream: %zd", read(fds[0], text, 1));
    close(fds[0]);
}

static void events(void) {
    int fd = eventfd(3, EFD_NONBLOCK);
    CHECK(fd >= 0);
    uint64_t number = 4;
    CHECK(write(fd, &number, 8) == 8);
    CHECK(read(fd, &number, 8) == 8);
    errno = 0;
    ssize_t again = read(fd, &number, 8);
    say("eventfd: %d, then %zd, EAGAIN: %d", (int)number, again, errno == EAGAIN);
    close(fd);
}

int main(void) {
    through_a_pipe();
    polling();
    nobody_reads();
    waiting_in_poll();
    events();
    return 0;
}
