// poll-select: what poll, ppoll, select and pselect say of files that are ready, closed or wrong, what is left of the
// time, and several who wait for one file.
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "answer.h"

static void events(void) {
    int pair[2], fds[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && pipe(fds) == 0);
    struct pollfd entries[5] = {{pair[0], POLLIN | POLLOUT | POLLRDHUP, 0},
                                {fds[0], POLLIN, 0},
                                {fds[1], POLLOUT, 0},
                                {99, POLLIN, 7},
                                {-1, POLLIN, 7}};
    int ready = poll(entries, 5, 0);
    say("ready %d: %#x %#x %#x %#x %#x", ready, entries[0].revents, entries[1].revents, entries[2].revents,
        entries[3].revents, entries[4].revents);
    close(pair[1]);
    close(fds[0]);
    entries[1].fd = -1;
    ready = poll(entries, 3, -1);
    say("the others gone, %d: %#x %#x %#x", ready, entries[0].revents, entries[1].revents, entries[2].revents);
    entries[0].events = entries[2].events = 0;
    ready = poll(entries, 3, -1);
    say("not asked for, %d: %#x %#x", ready, entries[0].revents, entries[2].revents);
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    say("too many: %s", answer(poll(entries, (nfds_t)limit.rlim_cur + 1, 0)));
    say("nowhere: %s", answer(syscall(SYS_poll, 8, 1, 0)));
    close(pair[0]);
    close(fds[1]);
}

static void time_left(void) {
    int fds[2];
    CHECK(pipe(fds) == 0);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fds[1], &set);
    struct timeval time = {100, 0};
    say("select: %ld", syscall(SYS_select, fds[1] + 1, NULL, &set, NULL, &time));
    say("nearly all is left: %d", time.tv_sec >= 90);
    FD_ZERO(&set);
    FD_SET(fds[0], &set);
    time = (struct timeval){0, 10000};
    say("select: %ld", syscall(SYS_select, fds[0] + 1, &set, NULL, NULL, &time));
    say("left: %d %d, nothing set %d", (int)time.tv_sec, (int)time.tv_usec, FD_ISSET(fds[0], &set));
    struct timespec precise = {100, 0};
    struct pollfd entry = {fds[1], POLLOUT, 0};
    say("ppoll: %ld", syscall(SYS_ppoll, &entry, 1, &precise, NULL, 8));
    say("nearly all is left: %d", precise.tv_sec >= 90);
    precise = (struct timespec){0, 1000000};
    say("pselect6: %ld", syscall(SYS_pselect6, 0, NULL, NULL, NULL, &precise, NULL));
    say("left: %d %d", (int)precise.tv_sec, (int)precise.tv_nsec);
    time = (struct timeval){0, 100500000};
    FD_ZERO(&set);
    FD_SET(fds[1], &set);
    say("more than a second of microseconds: %ld", syscall(SYS_select, fds[1] + 1, NULL, &set, NULL, &time));
    say("nearly all is left: %d", time.tv_sec >= 90 && time.tv_sec <= 100);
    time = (struct timeval){-1, 0};
    SHOW(syscall(SYS_select, 0, NULL, NULL, NULL, &time));
    SHOW(syscall(SYS_select, -1, NULL, NULL, NULL, NULL));
    close(fds[0]);
    close(fds[1]);
}

static void wrong_files(void) {
    int fds[2];
    CHECK(pipe(fds) == 0);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fds[0], &set);
    FD_SET(60, &set);
    struct timeval none = {0, 0};
    say("a closed one among them: %s", answer(select(61, &set, NULL, NULL, &none)));
    FD_CLR(60, &set);
    FD_SET(fds[1], &set);
    fd_set exceptions = set;
    int ready = select(fds[1] + 1, NULL, &set, &exceptions, &none);
    say("to write, and exceptions: %d", ready);
    close(fds[1]);
    FD_ZERO(&set);
    FD_SET(fds[0], &set);
    ready = select(fds[0] + 1, &set, NULL, NULL, NULL);
    say("the end is something to read: %d %d", ready, FD_ISSET(fds[0], &set) != 0);
    close(fds[0]);
}

struct Wait {
    int fd, result;
    short revents;
};

static void* wait_for(void* argument) {
    struct Wait* wait = argument;
    struct pollfd entry = {wait->fd, POLLIN, 0};
    wait->result = poll(&entry, 1, -1);
    wait->revents = entry.revents;
    return NULL;
}

static void several(void) {
    int fds[2];
    CHECK(pipe(fds) == 0);
    struct Wait waits[3];
    pthread_t threads[3];
    for (int i = 0; i < 3; ++i) {
        waits[i] = (struct Wait){fds[0], -1, 0};
        CHECK(pthread_create(&threads[i], NULL, wait_for, &waits[i]) == 0);
    }
    CHECK(write(fds[1], "x", 1) == 1);
    for (int i = 0; i < 3; ++i) CHECK(pthread_join(threads[i], NULL) == 0);
    say("all are told: %d%d%d %#x", waits[0].result, waits[1].result, waits[2].result, waits[2].revents);
    char byte;
    CHECK(read(fds[0], &byte, 1) == 1);
    CHECK(pthread_create(&threads[0], NULL, wait_for, &waits[0]) == 0);
    close(fds[1]);
    CHECK(pthread_join(threads[0], NULL) == 0);
    say("of the end too: %d %#x", waits[0].result, waits[0].revents);
    close(fds[0]);
}

static void ignore(int number) { (void)number; }

static void interrupted(void) {
    struct sigaction action = {.sa_handler = ignore, .sa_flags = SA_RESTART};
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    // Again and again: the first may come before they wait.
    ualarm(20000, 20000);
    say("poll and an alarm: %s", answer(poll(NULL, 0, -1)));
    struct timeval time = {100, 0};
    int result = select(0, NULL, NULL, NULL, &time);
    say("select and an alarm: %s, nearly all is left: %d", answer(result), time.tv_sec >= 90);
    ualarm(0, 0);
}

int main(void) {
    events();
    time_left();
    wrong_files();
    several();
    interrupted();
    return 0;
}
