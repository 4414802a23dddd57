// splice: splice, tee, vmsplice and sendfile between pipes, files and sockets.
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "answer.h"
#include "own-folder.h"

static const char* const name = "guest-splice";

static int inside(int fd) {
    int count = 0;
    CHECK(ioctl(fd, FIONREAD, &count) == 0);
    return count;
}

static int make_file(size_t size) {
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0);
    static char bytes[100000];
    for (size_t i = 0; i < size; ++i) bytes[i] = (char)('a' + i % 26);
    CHECK(write(fd, bytes, size) == (ssize_t)size);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

static void files_and_pipes(void) {
    int fd = make_file(100000), pipe_fds[2];
    CHECK(pipe2(pipe_fds, O_NONBLOCK) == 0);
    off_t at = 26;
    say("from a place: %zd", splice(fd, &at, pipe_fds[1], NULL, 1000, 0));
    say("the place is now %d, the file's own %d, inside %d", (int)at, (int)lseek(fd, 0, SEEK_CUR), inside(pipe_fds[0]));
    char text[32] = "";
    CHECK(read(pipe_fds[0], text, 10) == 10);
    say("it begins: %s", text);
    say("as much as there is room: %zd", splice(fd, NULL, pipe_fds[1], NULL, 100000, 0));
    say("more: %s", answer(splice(fd, NULL, pipe_fds[1], NULL, 1, 0)));
    say("from its own place: %d", (int)lseek(fd, 0, SEEK_CUR));
    int out = open(name, O_WRONLY);
    off_t to = 5;
    say("into the file: %zd", splice(pipe_fds[0], NULL, out, &to, 990, SPLICE_F_MOVE));
    CHECK(pread(out, text, 1, 0) == -1 && pread(fd, text, 12, 0) == 12);
    say("it holds: %.12s, the place is %d", text, (int)to);
    say("the rest: %zd", splice(pipe_fds[0], NULL, out, NULL, 1 << 20, 0));
    say("nothing more: %s", answer(splice(pipe_fds[0], NULL, out, NULL, 1, 0)));
    close(pipe_fds[1]);
    say("no writer: %s", answer(splice(pipe_fds[0], NULL, out, NULL, 1, 0)));
    close(pipe_fds[0]);
    close(out);
    close(fd);
}

static void pipes_and_pipes(void) {
    int a[2], b[2];
    CHECK(pipe2(a, O_NONBLOCK) == 0 && pipe2(b, O_NONBLOCK) == 0);
    CHECK(write(a[1], "hello, world", 12) == 12);
    ssize_t copied = tee(a[0], b[1], 5, 0);
    say("tee: %zd, inside %d and %d", copied, inside(a[0]), inside(b[0]));
    say("splice: %zd", splice(a[0], NULL, b[1], NULL, 100, 0));
    say("inside %d and %d", inside(a[0]), inside(b[0]));
    char text[32] = "";
    CHECK(read(b[0], text, 31) == 17);
    say("%s", text);
    say("from nothing: %s", answer(splice(a[0], NULL, b[1], NULL, 100, 0)));
    say("tee from nothing: %s", answer(tee(a[0], b[1], 100, SPLICE_F_NONBLOCK)));
    say("into itself: %s", answer(splice(a[0], NULL, a[1], NULL, 100, 0)));
    say("tee into itself: %s", answer(tee(a[0], a[1], 100, 0)));
    static char block[65536];
    CHECK(write(a[1], block, sizeof block) == sizeof block && write(b[1], block, sizeof block) == sizeof block);
    say("into a full one: %s", answer(splice(a[0], NULL, b[1], NULL, 100, 0)));
    CHECK(read(b[0], block, 8192) == 8192);
    say("two pages of room: %zd", splice(a[0], NULL, b[1], NULL, 100000, 0));
    close(b[0]);
    signal(SIGPIPE, SIG_IGN);
    say("no reader: %s", answer(splice(a[0], NULL, b[1], NULL, 100, 0)));
    close(a[0]);
    close(a[1]);
    close(b[1]);
}

static void memory(void) {
    int fds[2];
    CHECK(pipe2(fds, O_NONBLOCK) == 0);
    static char pages[2 * 4096] __attribute__((aligned(4096)));
    memset(pages, 'm', sizeof pages);
    struct iovec parts[2] = {{pages + 4090, 12}, {pages, 3}};
    ssize_t moved = vmsplice(fds[1], parts, 2, 0);
    say("memory: %zd, inside %d", moved, inside(fds[0]));
    char text[32] = "";
    struct iovec into = {text, 10};
    moved = vmsplice(fds[0], &into, 1, 0);
    say("into memory: %zd %s", moved, text);
    say("no parts: %s", answer(vmsplice(fds[1], parts, 0, 0)));
    say("a wrong flag: %s", answer(vmsplice(fds[1], parts, 1, 64)));
    int null = open("/dev/null", O_RDWR);
    say("no pipe: %s", answer(vmsplice(null, parts, 1, 0)));
    close(null);
    close(fds[0]);
    close(fds[1]);
}

static void sockets(void) {
    int fd = make_file(300), pair[2], fds[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && pipe2(fds, O_NONBLOCK) == 0);
    off_t at = 100;
    ssize_t sent = sendfile(pair[0], fd, &at, 1000);
    say("sendfile to a socket: %zd, then at %d", sent, (int)at);
    say("splice from it: %zd", splice(pair[1], NULL, fds[1], NULL, 150, 0));
    say("and to it: %zd", splice(fds[0], NULL, pair[1], NULL, 1000, 0));
    say("inside %d and %d", inside(pair[0]), inside(pair[1]));
    say("sendfile to a pipe: %zd", sendfile(fds[1], fd, NULL, 1000));
    say("sendfile from a pipe: %s", answer(sendfile(pair[0], fds[0], NULL, 10)));
    close(pair[0]);
    close(pair[1]);
    close(fds[0]);
    close(fds[1]);
    close(fd);
    // A pipe takes no more than it has room for, though it may wait.
    fd = make_file(100000);
    CHECK(pipe(fds) == 0);
    say("a large file to a pipe: %zd", sendfile(fds[1], fd, NULL, 100000));
    close(fds[0]);
    close(fds[1]);
    close(fd);
}

static void refusals(void) {
    int fd = make_file(10), fds[2], directory = open("/tmp", O_RDONLY);
    CHECK(pipe2(fds, O_NONBLOCK) == 0);
    off_t at = 0, wrong = -1;
    say("nothing: %s", answer(splice(99, NULL, 99, NULL, 0, 99)));
    say("flags: %s", answer(splice(fd, NULL, fds[1], NULL, 1, 64)));
    say("no file: %s", answer(splice(99, NULL, fds[1], NULL, 1, 0)));
    say("no pipe: %s", answer(splice(fd, NULL, fd, NULL, 1, 0)));
    say("a pipe's place: %s", answer(splice(fd, NULL, fds[1], &at, 1, 0)));
    say("before the file: %s", answer(splice(fd, &wrong, fds[1], NULL, 1, 0)));
    say("the wrong ends: %s", answer(splice(fds[1], NULL, fds[0], NULL, 1, 0)));
    say("a directory: %s", answer(splice(directory, NULL, fds[1], NULL, 1, 0)));
    CHECK(write(fds[1], "x", 1) == 1);
    int appending = open(name, O_WRONLY | O_APPEND);
    say("to append: %s", answer(splice(fds[0], NULL, appending, NULL, 1, 0)));
    say("tee with a file: %s", answer(tee(fd, fds[1], 1, 0)));
    close(appending);
    close(directory);
    close(fds[0]);
    close(fds[1]);
    close(fd);
}

int main(void) {
    enter_own_folder();
    files_and_pipes();
    pipes_and_pipes();
    memory();
    sockets();
    refusals();
    CHECK(unlink(name) == 0);
    leave_own_folder();
    return 0;
}
