// socket-messages: what goes beside the bytes: open files and credentials; parts, looks, cut off lists; many messages
// in one call; sockets that hold each other.
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "answer.h"

enum { most_files = 4 };

struct Control {
    _Alignas(8) char bytes[256];
    size_t length;
};

static void put(struct Control* control, int type, const void* data, size_t size) {
    struct cmsghdr* header = (struct cmsghdr*)(control->bytes + control->length);
    memset(header, 0, CMSG_SPACE(size));
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(header), data, size);
    control->length += CMSG_SPACE(size);
}

static ssize_t send_with(int fd, const char* text, struct Control* control, int flags) {
    struct iovec part = {(void*)text, strlen(text)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (control != NULL) {
        message.msg_control = control->bytes;
        message.msg_controllen = control->length;
    }
    return sendmsg(fd, &message, flags);
}

static ssize_t send_files(int fd, const char* text, const int* files, size_t count) {
    struct Control control = {.length = 0};
    put(&control, SCM_RIGHTS, files, count * sizeof *files);
    return send_with(fd, text, &control, 0);
}

// Receives, and says what came; the files that came are handed out.
static int receive(const char* when, int fd, size_t room, size_t control_room, int flags, int* files) {
    char text[64] = "";
    _Alignas(8) char control[256];
    struct iovec part = {text, room};
    struct sockaddr_un from;
    struct msghdr message = {.msg_name = &from,
                             .msg_namelen = sizeof from,
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control_room > 0 ? control : NULL,
                             .msg_controllen = control_room};
    ssize_t got = recvmsg(fd, &message, flags);
    if (got < 0) {
        say("%s: %s", when, answer(got));
        return 0;
    }
    char rest[256] = "";
    int count = 0;
    for (struct cmsghdr* header = CMSG_FIRSTHDR(&message); header != NULL; header = CMSG_NXTHDR(&message, header)) {
        size_t at = strlen(rest);
        if (header->cmsg_type == SCM_RIGHTS) {
            count = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
            memcpy(files, CMSG_DATA(header), (size_t)count * sizeof(int));
            snprintf(rest + at, sizeof rest - at, ", %d files", count);
        } else if (header->cmsg_len >= CMSG_LEN(sizeof(struct ucred))) {
            struct ucred who;
            memcpy(&who, CMSG_DATA(header), sizeof who);
            snprintf(rest + at, sizeof rest - at, ", from me %d %d %d, pid 0 %d, uid %d", who.pid == getpid(),
                     who.uid == getuid(), who.gid == getgid(), who.pid == 0, who.uid == 65534);
        } else {
            snprintf(rest + at, sizeof rest - at, ", cut to %d", (int)header->cmsg_len);
        }
    }
    say("%s: %d '%.*s', flags %#x, control %d, name %d%s", when, (int)got,
        (int)(got < (ssize_t)room ? got : (ssize_t)room), text, message.msg_flags, (int)message.msg_controllen,
        (int)message.msg_namelen, rest);
    return count;
}

static void close_all(const int* files, int count) {
    for (int i = 0; i < count; ++i) close(files[i]);
}

static void passing_files(int type) {
    int pair[2], pipe_fds[2], files[most_files];
    CHECK(socketpair(AF_UNIX, type, 0, pair) == 0 && pipe(pipe_fds) == 0);
    CHECK(send_files(pair[0], "pipe", pipe_fds, 2) == 4);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    int count = receive("two files", pair[1], 32, 256, MSG_CMSG_CLOEXEC, files);
    CHECK(count == 2 && fcntl(files[0], F_GETFD) == FD_CLOEXEC);
    CHECK(write(files[1], "through", 7) == 7);
    char text[16] = "";
    CHECK(read(files[0], text, sizeof text) == 7);
    say("they work: %s", text);
    CHECK(send_files(pair[0], "peek", files, 2) == 4);
    int seen[most_files];
    int seen_count = receive("a look", pair[1], 32, 256, MSG_PEEK, seen);
    close_all(seen, seen_count);
    seen_count = receive("room for one", pair[1], 32, CMSG_LEN(sizeof(int)), 0, seen);
    close_all(seen, seen_count);
    CHECK(send_files(pair[0], "gone", files, 2) == 4);
    receive("no room", pair[1], 32, 0, 0, seen);
    CHECK(send_files(pair[0], "bytes only", files, 1) == 10);
    CHECK(read(pair[1], text, sizeof text) == 10);
    say("read alone drops them");
    CHECK(send_files(pair[0], "first", files, 1) == 5 && send(pair[0], "second", 6, 0) == 6);
    count = receive("not glued", pair[1], 32, 256, 0, seen);
    close_all(seen, count);
    receive("the next", pair[1], 3, 256, 0, seen);
    if (type == SOCK_STREAM) receive("its rest", pair[1], 32, 256, 0, seen);
    CHECK(send_files(pair[0], "part", files, 1) == 4);
    count = receive("a part has the files", pair[1], 2, 256, 0, seen);
    close_all(seen, count);
    if (type == SOCK_STREAM) receive("the rest has none", pair[1], 32, 256, 0, seen);
    close(files[0]);
    // The last one to hold the writing end is the message.
    CHECK(pipe(pipe_fds) == 0 && send_files(pair[0], "end", pipe_fds + 1, 1) == 3);
    close(pipe_fds[1]);
    struct pollfd entry = {pipe_fds[0], POLLIN, 0};
    say("while it is under way: %d", poll(&entry, 1, 0));
    close(pair[1]);
    int ready = poll(&entry, 1, 0);
    say("when it is lost: %d %#x", ready, entry.revents);
    close(pipe_fds[0]);
    close(files[1]);
    close(pair[0]);
}

static void credentials(void) {
    int pair[2], files[most_files], on = 1;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    CHECK(send(pair[0], "a", 1, 0) == 1);
    CHECK(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0);
    CHECK(send(pair[0], "b", 1, 0) == 1);
    receive("sent before", pair[1], 32, 256, 0, files);
    receive("sent after", pair[1], 32, 256, 0, files);
    struct ucred who = {getpid(), getuid(), getgid()};
    struct Control control = {.length = 0};
    put(&control, SCM_CREDENTIALS, &who, sizeof who);
    put(&control, SCM_RIGHTS, pair, sizeof *pair);
    CHECK(send_with(pair[0], "c", &control, 0) == 1);
    int count = receive("said so, with a file", pair[1], 32, 256, 0, files);
    close_all(files, count);
    CHECK(send_with(pair[0], "d", &control, 0) == 1);
    receive("cut off", pair[1], 32, 20, 0, files);
    CHECK(send_with(pair[0], "e", &control, 0) == 1);
    receive("no list", pair[1], 32, 0, 0, files);
    pid_t child = fork();
    if (child == 0) _exit(send(pair[0], "child", 5, 0) == 5 ? 0 : 1);
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(send(pair[0], "parent", 6, 0) == 6);
    receive("never of two writers", pair[1], 32, 256, 0, files);
    receive("the second", pair[1], 32, 256, 0, files);
    close(pair[0]);
    close(pair[1]);
}

static void refusals(void) {
    int pair[2], wrong = 99, file = 0;
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
    say("no file: %s", answer(send_files(pair[0], "x", &wrong, 1)));
    struct Control control = {.length = 0};
    put(&control, SCM_RIGHTS, &file, sizeof file);
    ((struct cmsghdr*)control.bytes)->cmsg_len = 4;
    say("too short: %s", answer(send_with(pair[0], "x", &control, 0)));
    ((struct cmsghdr*)control.bytes)->cmsg_len = 400;
    say("too long: %s", answer(send_with(pair[0], "x", &control, 0)));
    control.length = 0;
    put(&control, 77, &file, sizeof file);
    say("unknown: %s", answer(send_with(pair[0], "x", &control, 0)));
    ((struct cmsghdr*)control.bytes)->cmsg_level = 41;
    say("of another level: %s", answer(send_with(pair[0], "x", &control, 0)));
    control.length = 0;
    put(&control, SCM_CREDENTIALS, &file, sizeof file);
    say("credentials of another size: %s", answer(send_with(pair[0], "x", &control, 0)));
    struct msghdr message = {.msg_iovlen = 2000};
    say("too many parts: %s", answer(sendmsg(pair[0], &message, 0)));
    say("no list: %s", answer(syscall(SYS_recvmsg, pair[0], (void*)8, MSG_DONTWAIT)));
    close(pair[0]);
    close(pair[1]);
}

static void cut_off(void) {
    int pair[2], none[most_files];
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
    CHECK(send(pair[0], "packet", 6, 0) == 6 && send(pair[0], "packet", 6, 0) == 6 && send(pair[0], "", 0, 0) == 0);
    receive("a packet cut off", pair[1], 3, 0, 0, none);
    receive("its size is told", pair[1], 3, 0, MSG_TRUNC, none);
    receive("an empty one", pair[1], 3, 0, 0, none);
    receive("none", pair[1], 3, 0, MSG_DONTWAIT, none);
    close(pair[0]);
    receive("the end", pair[1], 3, 0, 0, none);
    close(pair[1]);
}

static void waiting_for_all(void) {
    int pair[2];
    char text[16] = "";
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 6; ++i) {
            if (send(pair[0], "ab", 2, 0) != 2) _exit(1);
        }
        _exit(0);
    }
    ssize_t got = recv(pair[1], text, 10, MSG_WAITALL);
    say("all of it: %zd %s", got, text);
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    close(pair[0]);
    memset(text, 0, sizeof text);
    got = recv(pair[1], text, 10, MSG_WAITALL);
    say("as much as there is: %zd %s", got, text);
    close(pair[1]);
}

static void many(void) {
    int pair[2];
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
    struct iovec out[3] = {{"one", 3}, {"three", 5}, {"", 0}};
    struct mmsghdr messages[3];
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < 3; ++i) messages[i].msg_hdr = (struct msghdr){.msg_iov = &out[i], .msg_iovlen = 1};
    int sent = sendmmsg(pair[0], messages, 3, 0);
    say("sent %d: %u %u %u bytes", sent, messages[0].msg_len, messages[1].msg_len, messages[2].msg_len);
    char text[4][8];
    struct iovec in[4];
    struct mmsghdr received[4];
    memset(received, 0, sizeof received);
    for (int i = 0; i < 4; ++i) {
        in[i] = (struct iovec){text[i], 4};
        received[i].msg_hdr = (struct msghdr){.msg_iov = &in[i], .msg_iovlen = 1};
    }
    int got = recvmmsg(pair[1], received, 4, MSG_WAITFORONE, NULL);
    say("got %d: %u %u %u bytes, flags %#x %#x", got, received[0].msg_len, received[1].msg_len, received[2].msg_len,
        received[0].msg_hdr.msg_flags, received[1].msg_hdr.msg_flags);
    say("none: %s", answer(recvmmsg(pair[1], received, 4, MSG_DONTWAIT, NULL)));
    close(pair[0]);
    close(pair[1]);
}

// Sockets that only messages hold, in circles and chains; a pipe among them tells when they go.
static void circles(void) {
    int pair[2], pipe_fds[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && pipe(pipe_fds) == 0);
    CHECK(send_files(pair[0], "itself", pair, 2) == 6 && send_files(pair[1], "itself", pair, 2) == 6);
    CHECK(send_files(pair[0], "pipe", pipe_fds + 1, 1) == 4);
    close(pair[0]);
    close(pair[1]);
    close(pipe_fds[1]);
    // Closing any other socket looks for such.
    for (int i = 0; i < 3; ++i) {
        CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
        close(pair[0]);
        close(pair[1]);
    }
    struct pollfd entry = {pipe_fds[0], POLLIN, 0};
    int ready = poll(&entry, 1, 10000);
    say("a circle is found: %d %#x", ready, entry.revents);
    close(pipe_fds[0]);
    // A chain: each is in a message to the next.
    int last[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, last) == 0);
    for (int i = 0; i < 200; ++i) {
        CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
        CHECK(send_files(pair[0], "x", last, 2) == 1);
        close(last[0]);
        close(last[1]);
        memcpy(last, pair, sizeof pair);
    }
    for (int i = 0; i < 200; ++i) {
        char byte;
        struct iovec part = {&byte, 1};
        struct Control control = {.length = sizeof control.bytes};
        struct msghdr message = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = control.length};
        CHECK(recvmsg(last[1], &message, 0) == 1);
        close(last[0]);
        close(last[1]);
        memcpy(last, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof last);
    }
    CHECK(write(last[0], "x", 1) == 1);
    say("a chain of 200 came back");
    close(last[0]);
    close(last[1]);
}

static void addresses(void) {
    int receiver = socket(AF_UNIX, SOCK_DGRAM, 0), sender = socket(AF_UNIX, SOCK_DGRAM, 0), none[most_files];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    pid_t process = getpid();
    memcpy(address.sun_path + 1, &process, sizeof process);
    socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + sizeof process;
    CHECK(bind(receiver, (struct sockaddr*)&address, length) == 0);
    struct iovec part = {"hello", 5};
    struct msghdr message = {.msg_name = &address, .msg_namelen = length, .msg_iov = &part, .msg_iovlen = 1};
    CHECK(sendmsg(sender, &message, 0) == 5);
    receive("of no name", receiver, 32, 0, 0, none);
    int on = 1;
    CHECK(setsockopt(sender, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0);
    CHECK(sendmsg(sender, &message, 0) == 5);
    receive("with credentials comes a name", receiver, 32, 0, 0, none);
    close(receiver);
    close(sender);
}

int main(void) {
    passing_files(SOCK_STREAM);
    passing_files(SOCK_DGRAM);
    passing_files(SOCK_SEQPACKET);
    credentials();
    refusals();
    cut_off();
    waiting_for_all();
    many();
    circles();
    addresses();
    return 0;
}
