// Sockets with several tasks: who waits for whom, what is collected, and what it may cost.
#include "kernel/net/unix_sockets.hpp"

#include "several_tasks.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

namespace fl::kernel {

using test::minus;
using test::OtherTask;
using test::TestSystem;

namespace {

constexpr std::uint64_t data = TestSystem::data;
constexpr std::uint64_t name_bytes = 6;

struct Pair {
    std::uint64_t first, second;
};

Pair make_pair(TestSystem& system, std::uint64_t type) {
    REQUIRE(system.call(SYS_socketpair, {AF_UNIX, type, 0, data}) == 0);
    return {system.get<std::uint32_t>(data), system.get<std::uint32_t>(data + 4)};
}

// An abstract name of four bytes at `data` + 512.
constexpr std::uint64_t name = data + 512;
void put_name(TestSystem& system, const char* three) {
    system.put(name, std::uint16_t{AF_UNIX});
    system.put(name + 2, '\0');
    system.put_text(name + 3, three);
}

// sendmsg(2) of a byte with one file.
std::int64_t send_file(TestSystem& system, std::uint64_t fd, std::uint64_t file) {
    // struct cmsghdr: length, level and type, data.
    const std::array<std::uint64_t, 3> control{CMSG_LEN(sizeof(int)), std::uint64_t{SCM_RIGHTS} << 32 | SOL_SOCKET,
                                               file};
    constexpr std::uint64_t control_place = data + 256, part_place = data + 320, message_place = data + 384;
    system.put(control_place, control);
    system.put(part_place, Segment{data, 1});
    struct msghdr message {};
    message.msg_iov = reinterpret_cast<iovec*>(part_place);
    message.msg_iovlen = 1;
    message.msg_control = reinterpret_cast<void*>(control_place);
    message.msg_controllen = CMSG_SPACE(sizeof(int));
    system.put(message_place, message);
    return system.call(SYS_sendmsg, {fd, message_place, MSG_NOSIGNAL});
}

}  // namespace

TEST_CASE("sockets: who reads is woken by who writes, by a shutdown and by the end") {
    TestSystem system;
    const Pair pair = make_pair(system, SOCK_STREAM);
    std::vector<std::int64_t> answers;
    OtherTask reader(system, [&](OtherTask& task) {
        for (int i = 0; i < 2; ++i) answers.push_back(task.call(SYS_read, {pair.second, data + 100, 10}));
    });
    test::let_others_run(system);
    CHECK(reader.waits());
    CHECK(system.call(SYS_write, {pair.first, data, 3}) == 3);
    test::let_others_run(system);
    CHECK(answers == std::vector<std::int64_t>{3});
    CHECK(system.call(SYS_shutdown, {pair.first, SHUT_WR}) == 0);
    test::let_others_run(system);
    CHECK(answers == std::vector<std::int64_t>{3, 0});
    CHECK(reader.is_over());
}

TEST_CASE("sockets: a writer waits for room, and ends with what it has written when the reader goes") {
    TestSystem system(PageCount(1024));
    const Pair pair = make_pair(system, SOCK_STREAM);
    std::int64_t written = 0, after = 0;
    OtherTask writer(system, [&](OtherTask& task) {
        for (int i = 0; i < 40; ++i) written += task.call(SYS_write, {pair.first, data, TestSystem::data_bytes});
        after = task.call(SYS_sendto, {pair.first, data, 1, MSG_NOSIGNAL});
    });
    test::let_others_run(system);
    CHECK(writer.waits());
    std::int64_t read = 0;
    for (int i = 0; i < 30; ++i) {
        read += system.call(SYS_read, {pair.second, data, TestSystem::data_bytes});
        test::let_others_run(system);
    }
    CHECK(read > 0);
    CHECK(system.call(SYS_close, {pair.second}) == 0);
    test::let_others_run(system);
    CHECK(writer.is_over());
    CHECK(after == minus(Errno::epipe));
}

TEST_CASE("sockets: a close while another accepts, connects or receives ends nothing that the kernel still uses") {
    TestSystem system;
    put_name(system, "one");
    const auto listener = static_cast<std::uint64_t>(system.call(SYS_socket, {AF_UNIX, SOCK_STREAM, 0}));
    CHECK(system.call(SYS_bind, {listener, name, name_bytes}) == 0);
    CHECK(system.call(SYS_listen, {listener, 0}) == 0);
    const auto first = static_cast<std::uint64_t>(system.call(SYS_socket, {AF_UNIX, SOCK_STREAM, 0}));
    CHECK(system.call(SYS_connect, {first, name, name_bytes}) == 0);
    const auto second = static_cast<std::uint64_t>(system.call(SYS_socket, {AF_UNIX, SOCK_STREAM, 0}));
    std::int64_t answer = 1;
    OtherTask other(system, [&](OtherTask& task) { answer = task.call(SYS_connect, {second, name, name_bytes}); });
    test::let_others_run(system);
    CHECK(other.waits());
    CHECK(system.call(SYS_close, {second}) == 0);
    CHECK(system.call(SYS_close, {listener}) == 0);
    test::let_others_run(system);
    CHECK(other.is_over());
    CHECK(answer == minus(Errno::econnrefused));
    CHECK(system.call(SYS_read, {first, data, 1}) == minus(Errno::econnreset));
}

TEST_CASE("datagrams: poll waits for the room of who is connected to") {
    TestSystem system;
    put_name(system, "two");
    const auto receiver = static_cast<std::uint64_t>(system.call(SYS_socket, {AF_UNIX, SOCK_DGRAM, 0}));
    const auto sender = static_cast<std::uint64_t>(system.call(SYS_socket, {AF_UNIX, SOCK_DGRAM, 0}));
    CHECK(system.call(SYS_bind, {receiver, name, name_bytes}) == 0);
    CHECK(system.call(SYS_connect, {sender, name, name_bytes}) == 0);
    int sent = 0;
    while (system.call(SYS_sendto, {sender, data, 1, MSG_DONTWAIT}) == 1) ++sent;
    CHECK(sent == 11);
    system.put(data + 64, pollfd{static_cast<int>(sender), POLLOUT, 0});
    std::int64_t ready = -1, blocked = -1;
    OtherTask poller(system, [&](OtherTask& task) { ready = task.call(SYS_poll, {data + 64, 1, ~std::uint64_t{0}}); });
    OtherTask writer(system, [&](OtherTask& task) { blocked = task.call(SYS_write, {sender, data, 1}); });
    test::let_others_run(system);
    CHECK(poller.waits());
    CHECK(writer.waits());
    for (int i = 0; i < 2; ++i) CHECK(system.call(SYS_read, {receiver, data, 1}) == 1);
    test::let_others_run(system);
    CHECK(ready == 1);
    CHECK(blocked == 1);
}

TEST_CASE("sockets that hold each other are found, those that somebody can get at are left alone") {
    TestSystem system;
    UnixSockets& all = system.system().vfs.unix_sockets();
    const Pair kept = make_pair(system, SOCK_STREAM), lost = make_pair(system, SOCK_STREAM),
               inner = make_pair(system, SOCK_STREAM);
    const auto weak = [&](std::uint64_t fd) { return std::weak_ptr(*system.task().files->find(fd)); };
    const auto lost_first = weak(lost.first), lost_second = weak(lost.second), inner_first = weak(inner.first),
               inner_second = weak(inner.second);
    // Each end waits at the other; one of `inner` is in a message to `kept` as well.
    CHECK(send_file(system, lost.first, lost.first) == 1);
    CHECK(send_file(system, lost.second, lost.second) == 1);
    CHECK(send_file(system, inner.first, inner.first) == 1);
    CHECK(send_file(system, inner.second, inner.second) == 1);
    CHECK(send_file(system, kept.first, inner.first) == 1);
    for (const std::uint64_t fd : {lost.first, lost.second, inner.first, inner.second}) {
        CHECK(system.call(SYS_close, {fd}) == 0);
    }
    all.collect();
    CHECK(lost_first.expired());
    CHECK(lost_second.expired());
    CHECK_FALSE(inner_first.expired());
    CHECK_FALSE(inner_second.expired());
    // What holds them goes.
    CHECK(system.call(SYS_close, {kept.first}) == 0);
    CHECK(system.call(SYS_close, {kept.second}) == 0);
    CHECK(inner_first.expired());
    CHECK(inner_second.expired());
}

TEST_CASE("a long chain of sockets in messages to sockets goes without a deep stack") {
    TestSystem system;
    Pair last = make_pair(system, SOCK_DGRAM);
    const auto innermost = std::weak_ptr(*system.task().files->find(last.first));
    for (int i = 0; i < 5'000; ++i) {
        const Pair next = make_pair(system, SOCK_DGRAM);
        REQUIRE(send_file(system, next.first, last.first) == 1);
        REQUIRE(send_file(system, next.first, last.second) == 1);
        REQUIRE(system.call(SYS_close, {last.first}) == 0);
        REQUIRE(system.call(SYS_close, {last.second}) == 0);
        last = next;
    }
    CHECK_FALSE(innermost.expired());
    CHECK(system.call(SYS_close, {last.first}) == 0);
    CHECK(system.call(SYS_close, {last.second}) == 0);
    CHECK(innermost.expired());
}

TEST_CASE("files in flight: no more than the limit for who has no privilege, and a bound for all") {
    TestSystem system;
    const Pair pair = make_pair(system, SOCK_STREAM);
    system.put(data + 64, rlimit{16, 16});
    CHECK(system.call(SYS_prlimit64, {0, RLIMIT_NOFILE, data + 64, 0}) == 0);
    system.task().credentials.capabilities.effective = 0;
    int sent = 0;
    while (send_file(system, pair.first, pair.second) == 1) ++sent;
    CHECK(sent == 17);
    CHECK(send_file(system, pair.first, pair.second) == minus(Errno::etoomanyrefs));
    CHECK(system.call(SYS_read, {pair.second, data, 1}) == 1);
    CHECK(send_file(system, pair.first, pair.second) == 1);
}

}  // namespace fl::kernel
