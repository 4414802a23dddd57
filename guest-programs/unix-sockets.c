// unix-sockets: names, connections, their queue and their end; streams, datagrams, packets in order; options; how much
// goes in before it waits.
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "answer.h"
#include "own-folder.h"

static const char* const name = "guest-socket";
static const char* const second_name = "guest-socket-2";

static int process;

static socklen_t fill(struct sockaddr_un* address, const char* path) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    size_t length = strlen(path);
    memcpy(address->sun_path, path, length);
    // What begins with @ is abstract, and as long as it is; the process's number makes it its own.
    if (path[0] != '@') return sizeof *address;
    address->sun_path[0] = '\0';
    memcpy(address->sun_path + length, &process, sizeof process);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + sizeof process);
}

static int bind_to(int fd, const char* path) {
    struct sockaddr_un address;
    socklen_t length = fill(&address, path);
    return bind(fd, (struct sockaddr*)&address, length);
}

static int connect_to(int fd, const char* path) {
    struct sockaddr_un address;
    socklen_t length = fill(&address, path);
    return connect(fd, (struct sockaddr*)&address, length);
}

static void say_name(const char* what, const struct sockaddr_un* address, socklen_t length) {
    const char* path = address->sun_path;
    if (length <= offsetof(struct sockaddr_un, sun_path)) {
        say("%s: unnamed, %d", what, (int)length);
    } else {
        int count = (int)(length - offsetof(struct sockaddr_un, sun_path));
        if (path[0] == '\0') count -= 1 + (int)sizeof process;
        say("%s: %s%.*s, %d", what, path[0] ? "" : "@", count, path[0] ? path : path + 1, (int)length);
    }
}

static void say_names(int fd) {
    struct sockaddr_un address;
    socklen_t length = sizeof address;
    CHECK(getsockname(fd, (struct sockaddr*)&address, &length) == 0);
    say_name("own", &address, length);
    length = sizeof address;
    int result = getpeername(fd, (struct sockaddr*)&address, &length);
    if (result == 0) {
        say_name("peer", &address, length);
    } else {
        say("peer: %s", answer(result));
    }
}

static int events_of(int fd) {
    struct pollfd entry = {fd, POLLIN | POLLOUT | POLLRDHUP, 0};
    CHECK(poll(&entry, 1, 0) >= 0);
    return entry.revents;
}

static void connections(int type, const char* path) {
    int listener = socket(AF_UNIX, type, 0), client = socket(AF_UNIX, type, 0);
    say("poll before: %#x", events_of(client));
    SHOW(listen(listener, 1));
    SHOW(connect_to(client, path));
    CHECK(bind_to(listener, path) == 0);
    say("nobody listens: %s", answer(connect_to(client, path)));
    CHECK(listen(listener, 1) == 0);
    SHOW(connect_to(client, path));
    say("twice: %s", answer(connect_to(client, path)));
    say_names(client);
    say("poll of the listener: %#x", events_of(listener));
    struct sockaddr_un address;
    socklen_t length = sizeof address;
    int server = accept4(listener, (struct sockaddr*)&address, &length, SOCK_CLOEXEC);
    CHECK(server >= 0 && fcntl(server, F_GETFD) == FD_CLOEXEC);
    say_name("accepted", &address, length);
    say_names(server);
    CHECK(send(client, "hello", 5, 0) == 5 && send(client, "world", 5, 0) == 5);
    char text[32] = "";
    ssize_t got = recv(server, text, sizeof text, 0);
    say("received: %zd %s", got, text);
    say("poll of the server: %#x", events_of(server));
    CHECK(send(server, "unread", 6, 0) == 6);
    close(client);
    say("poll, the client gone: %#x", events_of(server));
    memset(text, 0, sizeof text);
    say("then: %s", answer(recv(server, text, sizeof text, 0)));
    say("then: %s", answer(recv(server, text, sizeof text, 0)));
    say("then: %s", answer(send(server, "x", 1, MSG_NOSIGNAL)));
    close(server);
    // No more than two wait, as the queue is one longer than was said.
    int clients[4];
    for (int i = 0; i < 4; ++i) {
        clients[i] = socket(AF_UNIX, type | SOCK_NONBLOCK, 0);
        say("waiting, number %d: %s", i, answer(connect_to(clients[i], path)));
    }
    fcntl(listener, F_SETFL, O_NONBLOCK);
    close(accept(listener, NULL, NULL));
    say("the first, served and gone: %s", answer(recv(clients[0], text, 1, 0)));
    CHECK(write(clients[1], "x", 1) == 1);
    close(listener);
    say("the second, never served: %s", answer(recv(clients[1], text, 1, 0)));
    say("the name is left: %s", answer(connect_to(clients[2], path)));
    for (int i = 0; i < 4; ++i) close(clients[i]);
    if (path[0] != '@') CHECK(unlink(path) == 0);
}

static void blocked_connect(void) {
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), first = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(bind_to(listener, "@guest-queue") == 0 && listen(listener, 0) == 0);
    CHECK(connect_to(first, "@guest-queue") == 0);
    pid_t child = fork();
    if (child == 0) {
        int second = socket(AF_UNIX, SOCK_STREAM, 0);
        _exit(connect_to(second, "@guest-queue") == 0 && write(second, "2", 1) == 1 ? 0 : 1);
    }
    close(accept(listener, NULL, NULL));
    int served = accept(listener, NULL, NULL);
    char byte = '?';
    CHECK(read(served, &byte, 1) == 1);
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    say("who waited was served: %c, child %d", byte, WEXITSTATUS(status));
    close(served);
    close(first);
    close(listener);
}

static void names(void) {
    int a = socket(AF_UNIX, SOCK_DGRAM, 0), b = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK(bind_to(a, name) == 0);
    struct stat status;
    CHECK(lstat(name, &status) == 0);
    say("a file of its own: socket %d, %o", S_ISSOCK(status.st_mode), status.st_mode & 0777);
    say("open: %s", answer(open(name, O_RDWR)));
    say("in use: %s", answer(bind_to(b, name)));
    say("another name: %s", answer(bind_to(a, second_name)));
    CHECK(link(name, second_name) == 0);
    say("by a link: %s", answer(connect_to(b, second_name)));
    int stream = socket(AF_UNIX, SOCK_STREAM, 0);
    say("of another type: %s", answer(connect_to(stream, name)));
    say("no socket: %s", answer(connect_to(stream, "/proc/self/exe")));
    say("no file: %s", answer(connect_to(stream, "nothing-here")));
    CHECK(unlink(name) == 0 && unlink(second_name) == 0);
    say("sent, the name gone: %zd", send(b, "x", 1, 0));
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int automatic = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK(bind(automatic, (struct sockaddr*)&address, sizeof(sa_family_t)) == 0);
    socklen_t length = sizeof address;
    CHECK(getsockname(automatic, (struct sockaddr*)&address, &length) == 0);
    say("a name of the kernel's: %d bytes, abstract %d", (int)length, address.sun_path[0] == '\0');
    say("nonsense: %s", answer(bind(b, (struct sockaddr*)&address, 1)));
    address.sun_family = AF_INET;
    say("another family: %s", answer(bind(b, (struct sockaddr*)&address, sizeof address)));
    say("too long: %s", answer(bind(b, (struct sockaddr*)&address, 200)));
    int first = socket(AF_UNIX, SOCK_STREAM, 0), second = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(bind_to(first, "@guest-name") == 0);
    say("abstract, in use: %s", answer(bind_to(second, "@guest-name")));
    say("for datagrams it is free: %s", answer(bind_to(b, "@guest-name")));
    close(first);
    say("free again: %s", answer(bind_to(second, "@guest-name")));
    int all[] = {a, b, stream, automatic, second};
    for (size_t i = 0; i < sizeof all / sizeof *all; ++i) close(all[i]);
}

static void datagrams(void) {
    int receiver = socket(AF_UNIX, SOCK_DGRAM, 0), sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    CHECK(bind_to(receiver, "@guest-receiver") == 0);
    say("to nobody: %s", answer(send(sender, "x", 1, 0)));
    struct sockaddr_un address;
    socklen_t length = fill(&address, "@guest-receiver");
    CHECK(sendto(sender, "hello", 5, 0, (struct sockaddr*)&address, length) == 5);
    CHECK(sendto(sender, "", 0, 0, (struct sockaddr*)&address, length) == 0);
    CHECK(bind_to(sender, "@guest-sender") == 0);
    CHECK(sendto(sender, "with a name", 11, 0, (struct sockaddr*)&address, length) == 11);
    char text[32] = "";
    int waiting = 0;
    CHECK(ioctl(receiver, FIONREAD, &waiting) == 0);
    say("the first has %d bytes", waiting);
    say("a look: %zd", recv(receiver, text, 3, MSG_PEEK));
    say("a longer look: %zd", recv(receiver, text, 3, MSG_PEEK | MSG_TRUNC));
    say("a part, the rest is lost: %zd", recv(receiver, text, 3, 0));
    say("an empty one: %zd", recv(receiver, text, sizeof text, 0));
    length = sizeof address;
    ssize_t got = recvfrom(receiver, text, sizeof text, 0, (struct sockaddr*)&address, &length);
    say("received %zd", got);
    say_name("from", &address, length);
    say("none: %s", answer(recv(receiver, text, sizeof text, MSG_DONTWAIT)));
    CHECK(connect_to(sender, "@guest-receiver") == 0);
    int count = 0;
    while (send(sender, "x", 1, 0) == 1) ++count;
    say("it takes %d, then: %s, poll %#x", count, answer(-1), events_of(sender));
    CHECK(recv(receiver, text, 1, 0) == 1);
    say("one taken: poll %#x", events_of(sender));
    // Whoever is connected takes from nobody else.
    CHECK(connect_to(receiver, "@guest-sender") == 0);
    int stranger = socket(AF_UNIX, SOCK_DGRAM, 0);
    length = fill(&address, "@guest-receiver");
    say("a stranger: %s", answer(sendto(stranger, "x", 1, 0, (struct sockaddr*)&address, length)));
    say("a stranger connects: %s", answer(connect_to(stranger, "@guest-receiver")));
    address.sun_family = AF_UNSPEC;
    CHECK(connect(receiver, (struct sockaddr*)&address, sizeof(sa_family_t)) == 0);
    say("what had come is lost: %s", answer(recv(receiver, text, 1, MSG_DONTWAIT)));
    close(receiver);
    say("the receiver gone: %s", answer(send(sender, "x", 1, 0)));
    say("and then: %s", answer(send(sender, "x", 1, 0)));
    close(sender);
    close(stranger);
}

static void room(int type, size_t size) {
    int pair[2];
    CHECK(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair) == 0);
    static char block[100000];
    long total = 0, count = 0;
    int first_cost = 0;
    for (ssize_t sent; (sent = send(pair[0], block, size, 0)) > 0; total += sent, ++count) {
        if (count == 0) CHECK(ioctl(pair[0], TIOCOUTQ, &first_cost) == 0);
    }
    int waiting = 0;
    CHECK(ioctl(pair[1], FIONREAD, &waiting) == 0);
    say("pieces of %zu: one costs %d, %ld go in, %ld bytes, unread %d, poll %#x", size, first_cost, count, total,
        waiting, events_of(pair[0]));
    close(pair[0]);
    close(pair[1]);
}

static void ends(void) {
    int pair[2];
    char text[8];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    say_names(pair[0]);
    CHECK(write(pair[0], "abc", 3) == 3);
    CHECK(shutdown(pair[0], SHUT_WR) == 0);
    say("poll %#x and %#x", events_of(pair[0]), events_of(pair[1]));
    say("what was written: %s", answer(read(pair[1], text, 3)));
    say("and then: %s", answer(read(pair[1], text, 8)));
    signal(SIGPIPE, SIG_IGN);
    say("no more: %s", answer(write(pair[0], "x", 1)));
    CHECK(write(pair[1], "back", 4) == 4);
    CHECK(shutdown(pair[0], SHUT_RD) == 0);
    say("poll %#x and %#x", events_of(pair[0]), events_of(pair[1]));
    say("the other: %s", answer(write(pair[1], "x", 1)));
    SHOW(shutdown(pair[0], 3));
    close(pair[0]);
    int error = -1;
    socklen_t length = sizeof error;
    CHECK(getsockopt(pair[1], SOL_SOCKET, SO_ERROR, &error, &length) == 0);
    say("unread: %s", strerror(error));
    say("once: %s", answer(read(pair[1], text, 8)));
    close(pair[1]);
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
    CHECK(write(pair[0], "abc", 3) == 3);
    close(pair[0]);
    say("a packet: %zd", read(pair[1], text, 8));
    say("the end: %zd", read(pair[1], text, 8));
    say("to nobody: %s", answer(send(pair[1], "x", 1, MSG_NOSIGNAL)));
    close(pair[1]);
}

static int number(int fd, int option) {
    int value = -1;
    socklen_t length = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

static void options(void) {
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    say("type %d, domain %d, protocol %d, listens %d", number(fd, SO_TYPE) == SOCK_SEQPACKET, number(fd, SO_DOMAIN),
        number(fd, SO_PROTOCOL), number(fd, SO_ACCEPTCONN));
    int value = 10000, small = 1, on = 1;
    CHECK(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &value, sizeof value) == 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0);
    say("buffers %d %d, reuse %d, credentials %d", number(fd, SO_SNDBUF), number(fd, SO_RCVBUF),
        number(fd, SO_REUSEADDR), number(fd, SO_PASSCRED));
    struct linger linger = {1, 5};
    CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0);
    memset(&linger, 0, sizeof linger);
    socklen_t length = sizeof linger;
    CHECK(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &length) == 0);
    say("linger %d %d, %d bytes", linger.l_onoff, linger.l_linger, (int)length);
    SHOW(setsockopt(fd, SOL_SOCKET, 9999, &on, sizeof on));
    SHOW(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &on, 2));
    SHOW(setsockopt(fd, SOL_SOCKET, SO_TYPE, &on, sizeof on));
    SHOW(setsockopt(fd, 6, 1, &on, sizeof on));
    SHOW(getsockopt(fd, 6, 1, &on, &length));
    SHOW(getsockopt(STDIN_FILENO + 90, SOL_SOCKET, SO_TYPE, &on, &length));
    close(fd);
    int pair[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    struct ucred peer;
    length = sizeof peer;
    CHECK(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0);
    say("peer: myself %d %d", peer.pid == getpid(), peer.uid == getuid());
    struct timeval time = {0, 20000};
    CHECK(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time) == 0);
    char byte;
    say("nothing in time: %s", answer(recv(pair[0], &byte, 1, 0)));
    CHECK(setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time) == 0);
    static char large[1000000];
    ssize_t sent = send(pair[0], large, sizeof large, 0);
    say("a part in time: %zd", sent);
    say("nothing more in time: %s", answer(send(pair[0], large, 1, 0)));
    close(pair[0]);
    close(pair[1]);
}

static void refusals(void) {
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), datagram = socket(AF_UNIX, SOCK_RAW, 0), pair[2];
    say("raw is datagrams: %d", number(datagram, SO_TYPE) == SOCK_DGRAM);
    SHOW(socket(AF_UNIX, SOCK_RDM, 0));
    SHOW(socket(AF_UNIX, 99, 0));
    SHOW(socket(AF_UNIX, SOCK_STREAM, 2));
    SHOW(socket(99, SOCK_STREAM, 0));
    int* volatile nowhere = (int*)8;
    SHOW(socketpair(AF_UNIX, SOCK_STREAM, 0, nowhere));
    SHOW(socketpair(AF_UNIX, SOCK_RDM, 0, pair));
    SHOW(listen(datagram, 1));
    SHOW(accept(datagram, NULL, NULL));
    SHOW(accept(fd, NULL, NULL));
    SHOW(accept4(fd, NULL, NULL, 1));
    SHOW(accept(STDOUT_FILENO, NULL, NULL));
    SHOW(send(fd, "x", 1, 0));
    struct sockaddr_un address;
    socklen_t length = fill(&address, "@nobody");
    say("a stream to a name: %s", answer(sendto(fd, "x", 1, 0, (struct sockaddr*)&address, length)));
    say("datagrams to nobody: %s", answer(sendto(datagram, "x", 1, 0, (struct sockaddr*)&address, length)));
    char byte;
    SHOW(recv(fd, &byte, 1, 0));
    SHOW(shutdown(fd, SHUT_RDWR));
    SHOW(lseek(fd, 0, SEEK_SET));
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
    static char large[300000];
    SHOW(send(pair[0], large, sizeof large, 0));
    SHOW(send(pair[0], large, 10, MSG_OOB));
    SHOW(write(pair[0], large, 0));
    say("an empty datagram: %zd", recv(pair[1], large, 10, MSG_DONTWAIT));
    SHOW(recv(pair[1], (void*)8, 1, MSG_DONTWAIT));
    close(pair[0]);
    close(pair[1]);
    close(fd);
    close(datagram);
}

int main(void) {
    process = getpid();
    umask(022);
    enter_own_folder();
    connections(SOCK_STREAM, name);
    connections(SOCK_SEQPACKET, "@guest-abstract");
    blocked_connect();
    names();
    datagrams();
    static const size_t sizes[] = {1, 193, 1000, 3777, 4096, 10000, 16065, 40000, 65536};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; ++i) room(SOCK_STREAM, sizes[i]);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; ++i) room(SOCK_DGRAM, sizes[i]);
    ends();
    options();
    refusals();
    leave_own_folder();
    return 0;
}
