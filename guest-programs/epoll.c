// epoll: level and edge, once, exclusive; instances inside of instances; what close(2) and dup(2) do to what is
// watched.
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "answer.h"

static int add(int epoll, int fd, uint32_t events, uint64_t data) {
    struct epoll_event event = {.events = events, .data.u64 = data};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
}

static int modify(int epoll, int fd, uint32_t events, uint64_t data) {
    struct epoll_event event = {.events = events, .data.u64 = data};
    return epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event) == 0 ? 0 : errno;
}

// What is ready now, in the order in which the kernel tells.
static void look(const char* when, int epoll, int most) {
    struct epoll_event events[16];
    int count = epoll_wait(epoll, events, most, 0);
    char text[256] = "";
    for (int i = 0; i < count; ++i) {
        snprintf(text + strlen(text), sizeof text - strlen(text), " %d:%#x", (int)events[i].data.u64, events[i].events);
    }
    say("%s: %d%s", when, count, text);
}

static void levels_and_edges(void) {
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    CHECK(epoll >= 0 && fcntl(epoll, F_GETFD) == FD_CLOEXEC);
    int level[2], edge[2], once[2];
    CHECK(pipe(level) == 0 && pipe(edge) == 0 && pipe(once) == 0);
    CHECK(add(epoll, level[0], EPOLLIN, 1) == 0);
    CHECK(add(epoll, edge[0], EPOLLIN | EPOLLET, 2) == 0);
    CHECK(add(epoll, once[0], EPOLLIN | EPOLLONESHOT, 3) == 0);
    look("nothing", epoll, 16);
    CHECK(write(level[1], "ab", 2) == 2 && write(edge[1], "ab", 2) == 2 && write(once[1], "ab", 2) == 2);
    look("all written to", epoll, 16);
    look("again", epoll, 16);
    CHECK(write(edge[1], "c", 1) == 1 && write(once[1], "c", 1) == 1);
    look("written to again", epoll, 16);
    char byte;
    CHECK(read(edge[0], &byte, 1) == 1);
    look("read from a little", epoll, 16);
    CHECK(modify(epoll, once[0], EPOLLIN | EPOLLONESHOT, 33) == 0);
    CHECK(modify(epoll, edge[0], EPOLLIN | EPOLLET, 22) == 0);
    look("armed again", epoll, 16);
    close(level[1]);
    close(edge[1]);
    close(once[1]);
    look("writers gone", epoll, 16);
    look("and again", epoll, 16);
    CHECK(epoll_ctl(epoll, EPOLL_CTL_DEL, level[0], NULL) == 0);
    look("without the first", epoll, 16);
    close(level[0]);
    close(edge[0]);
    close(once[0]);
    close(epoll);
}

static void writing(void) {
    int epoll = epoll_create(1), fds[2];
    CHECK(pipe2(fds, O_NONBLOCK) == 0);
    CHECK(add(epoll, fds[1], EPOLLOUT | EPOLLET, 1) == 0);
    look("room", epoll, 4);
    static char block[65536];
    CHECK(write(fds[1], block, sizeof block) == sizeof block);
    look("full", epoll, 4);
    CHECK(read(fds[0], block, 100) == 100);
    look("a hundred bytes less", epoll, 4);
    CHECK(read(fds[0], block, 4096) == 4096);
    look("a page less", epoll, 4);
    CHECK(read(fds[0], block, 4096) == 4096);
    look("two pages less", epoll, 4);
    close(fds[0]);
    look("no reader", epoll, 4);
    close(fds[1]);
    close(epoll);
}

static void turns(void) {
    int epoll = epoll_create1(0), fds[5];
    for (int i = 0; i < 5; ++i) {
        fds[i] = eventfd(1, 0);
        CHECK(add(epoll, fds[i], EPOLLIN, (uint64_t)i) == 0);
    }
    for (int i = 0; i < 4; ++i) look("two of five", epoll, 2);
    uint64_t value;
    CHECK(read(fds[3], &value, sizeof value) == sizeof value);
    look("four of five", epoll, 16);
    for (int i = 0; i < 5; ++i) close(fds[i]);
    look("all closed", epoll, 16);
    close(epoll);
}

static void closing(void) {
    int epoll = epoll_create1(0), fds[2];
    CHECK(pipe(fds) == 0);
    CHECK(write(fds[1], "x", 1) == 1);
    CHECK(add(epoll, fds[0], EPOLLIN, 1) == 0);
    int copy = dup(fds[0]);
    say("the copy is another entry: %d", add(epoll, copy, EPOLLIN, 2));
    look("both", epoll, 4);
    close(fds[0]);
    look("one descriptor closed, its file is not", epoll, 4);
    say("DEL by a closed descriptor: %s", answer(epoll_ctl(epoll, EPOLL_CTL_DEL, fds[0], NULL)));
    CHECK(epoll_ctl(epoll, EPOLL_CTL_DEL, copy, NULL) == 0);
    look("the closed one is still there", epoll, 4);
    close(copy);
    look("the file is closed", epoll, 4);
    close(fds[1]);
    close(epoll);
}

static void nesting(void) {
    int inner = epoll_create1(0), outer = epoll_create1(0), event = eventfd(0, 0);
    CHECK(add(outer, inner, EPOLLIN, 7) == 0 && add(inner, event, EPOLLIN, 8) == 0);
    look("outer, nothing", outer, 4);
    CHECK(eventfd_write(event, 1) == 0);
    look("outer", outer, 4);
    look("inner", inner, 4);
    struct pollfd entry = {outer, POLLIN, 0};
    CHECK(poll(&entry, 1, 0) == 1 && entry.revents == POLLIN);
    say("a loop of two: ELOOP %d", add(inner, outer, EPOLLIN, 0) == ELOOP);
    say("itself: EINVAL %d", add(inner, inner, EPOLLIN, 0) == EINVAL);
    int chain[8], made = 0;
    for (int i = 0; i < 8; ++i) chain[i] = epoll_create1(0);
    while (made < 7 && add(chain[made + 1], chain[made], EPOLLIN, 0) == 0) ++made;
    say("a chain has %d links, then ELOOP %d", made, add(chain[made + 1], chain[made], EPOLLIN, 0) == ELOOP);
    say("from above: ELOOP %d", add(chain[0], inner, EPOLLIN, 0) == ELOOP);
    for (int i = 0; i < 8; ++i) close(chain[i]);
    close(inner);
    look("outer, inner closed", outer, 4);
    close(outer);
    close(event);
}

static void refusals(void) {
    int epoll = epoll_create1(0), event = eventfd(0, 0), event2 = eventfd(0, 0);
    int file = open("/proc/self/exe", O_RDONLY), null = open("/dev/null", O_RDWR);
    SHOW(syscall(SYS_epoll_create, 0));
    SHOW(epoll_create1(1));
    say("a regular file: EPERM %d, /dev/null: EPERM %d", add(epoll, file, EPOLLIN, 0) == EPERM,
        add(epoll, null, EPOLLIN, 0) == EPERM);
    say("twice: EEXIST %d", add(epoll, event, 0, 0) == 0 && add(epoll, event, 0, 0) == EEXIST);
    say("not an epoll: EINVAL %d, no file: EBADF %d", add(event, epoll, 0, 0) == EINVAL, add(epoll, 99, 0, 0) == EBADF);
    say("modify a stranger: ENOENT %d", modify(epoll, event2, 0, 0) == ENOENT);
    struct epoll_event one = {.events = 0};
    SHOW(epoll_ctl(epoll, EPOLL_CTL_ADD, event, NULL));
    SHOW(epoll_ctl(epoll, 9, event, &one));
    SHOW(epoll_wait(epoll, &one, 0, 0));
    SHOW(epoll_wait(event, &one, 1, 0));
    SHOW(epoll_wait(99, &one, 1, 0));
    int other = eventfd(1, 0);
    say("exclusive and once: EINVAL %d", add(epoll, other, EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT, 0) == EINVAL);
    CHECK(add(epoll, other, EPOLLIN | EPOLLEXCLUSIVE, 5) == 0);
    say("exclusive, and cannot be modified: EINVAL %d", modify(epoll, other, EPOLLIN, 0) == EINVAL);
    look("exclusive", epoll, 4);
    close(other);
    close(event2);
    close(null);
    close(file);
    close(event);
    close(epoll);
}

static void sockets(void) {
    int epoll = epoll_create1(0), pair[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    CHECK(add(epoll, pair[0], EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, 1) == 0);
    look("a socket", epoll, 4);
    CHECK(write(pair[1], "x", 1) == 1);
    look("written to", epoll, 4);
    CHECK(shutdown(pair[1], SHUT_WR) == 0);
    look("the other writes no more", epoll, 4);
    close(pair[1]);
    look("the other is gone", epoll, 4);
    close(pair[0]);
    close(epoll);
}

static int got_signal;
static void note(int number) { got_signal = number; }

static void masks_and_times(void) {
    int epoll = epoll_create1(0);
    struct epoll_event one;
    signal(SIGUSR1, note);
    sigset_t blocked, none;
    sigemptyset(&none);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    CHECK(sigprocmask(SIG_BLOCK, &blocked, NULL) == 0);
    raise(SIGUSR1);
    say("a blocked signal: %d", epoll_wait(epoll, &one, 1, 1));
    errno = 0;
    int result = epoll_pwait(epoll, &one, 1, -1, &none);
    say("let in: %d, EINTR %d, handled %d", result, errno == EINTR, got_signal == SIGUSR1);
    sigset_t now;
    CHECK(sigprocmask(SIG_SETMASK, NULL, &now) == 0);
    say("blocked again: %d", sigismember(&now, SIGUSR1));
    struct timespec time = {0, 2000000}, wrong = {0, -1};
    say("pwait2: %ld", syscall(SYS_epoll_pwait2, epoll, &one, 1, &time, NULL, 8));
    SHOW(syscall(SYS_epoll_pwait2, epoll, &one, 1, &wrong, NULL, 8));
    close(epoll);
}

static void* wait_in_thread(void* argument) {
    struct epoll_event event;
    int count = epoll_wait(*(int*)argument, &event, 1, -1);
    return (void*)(intptr_t)(count == 1 ? (int)event.data.u64 : -1);
}

static void threads(void) {
    int epoll = epoll_create1(0), event = eventfd(0, 0);
    CHECK(add(epoll, event, EPOLLIN | EPOLLONESHOT, 6) == 0);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, wait_in_thread, &epoll) == 0);
    CHECK(eventfd_write(event, 1) == 0);
    void* result;
    CHECK(pthread_join(thread, &result) == 0);
    say("a thread was woken with %d", (int)(intptr_t)result);
    int late = eventfd(1, 0);
    CHECK(pthread_create(&thread, NULL, wait_in_thread, &epoll) == 0);
    CHECK(add(epoll, late, EPOLLIN, 9) == 0);
    CHECK(pthread_join(thread, &result) == 0);
    say("by what came late: %d", (int)(intptr_t)result);
    close(late);
    close(event);
    close(epoll);
}

int main(void) {
    levels_and_edges();
    writing();
    turns();
    closing();
    nesting();
    refusals();
    sockets();
    masks_and_times();
    threads();
    return 0;
}
