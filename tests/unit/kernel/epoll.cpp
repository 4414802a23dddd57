// epoll with several tasks, and what it may cost.
#include "kernel/vfs/epoll.hpp"

#include "kernel/vfs/host_stream.hpp"
#include "several_tasks.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>

namespace fl::kernel {

using test::minus;
using test::OtherTask;
using test::TestSystem;

namespace {

constexpr std::uint64_t data = TestSystem::data;
constexpr std::uint64_t for_ever = ~std::uint64_t{0};

std::uint64_t opened(std::int64_t fd) {
    REQUIRE(fd >= 0);
    return static_cast<std::uint64_t>(fd);
}

std::int64_t add(TestSystem& system, std::uint64_t epoll, std::uint64_t fd, std::uint32_t events) {
    system.put(data, EpollEvent{events, static_cast<std::uint32_t>(fd), 0});
    return system.call(SYS_epoll_ctl, {epoll, EPOLL_CTL_ADD, fd, data});
}

}  // namespace

TEST_CASE("epoll: an event that is level goes to one of two who wait, one that is exclusive to one instance") {
    TestSystem system;
    const std::uint64_t event = opened(system.call(SYS_eventfd2, {0, 0}));
    const std::uint64_t first = opened(system.call(SYS_epoll_create1, {0}));
    const std::uint64_t second = opened(system.call(SYS_epoll_create1, {0}));
    CHECK(add(system, first, event, std::uint32_t{EPOLLIN} | EPOLLEXCLUSIVE | EPOLLET) == 0);
    CHECK(add(system, second, event, std::uint32_t{EPOLLIN} | EPOLLEXCLUSIVE | EPOLLET) == 0);
    std::vector<std::uint64_t> woken;
    const auto waits_at = [&](std::uint64_t epoll, std::uint64_t place) {
        return [&woken, epoll, place](OtherTask& task) {
            if (task.call(SYS_epoll_wait, {epoll, place, 1, for_ever}) == 1) woken.push_back(place);
        };
    };
    OtherTask one(system, waits_at(first, data + 100)), two(system, waits_at(first, data + 200)),
        three(system, waits_at(second, data + 300));
    test::let_others_run(system);
    CHECK(woken.empty());
    system.put(data + 8, std::uint64_t{1});
    CHECK(system.call(SYS_write, {event, data + 8, 8}) == 8);
    test::let_others_run(system);
    CHECK(woken == std::vector<std::uint64_t>{data + 100});
    CHECK(system.get<EpollEvent>(data + 100).data_low == event);
    CHECK(system.call(SYS_write, {event, data + 8, 8}) == 8);
    test::let_others_run(system);
    CHECK(woken == std::vector<std::uint64_t>{data + 100, data + 200});
    // The first instance takes what comes, until it is gone.
    CHECK(system.call(SYS_close, {first}) == 0);
    CHECK(system.call(SYS_write, {event, data + 8, 8}) == 8);
    test::let_others_run(system);
    CHECK(woken.back() == data + 300);
    CHECK(three.is_over());
}

TEST_CASE("epoll: what is watched may be closed while it is waited for, and so may the instance") {
    TestSystem system;
    const std::uint64_t event = opened(system.call(SYS_eventfd2, {0, 0}));
    const std::uint64_t epoll = opened(system.call(SYS_epoll_create1, {0}));
    CHECK(add(system, epoll, event, EPOLLIN) == 0);
    std::int64_t answer = 7;
    OtherTask other(system, [&](OtherTask& task) { answer = task.call(SYS_epoll_wait, {epoll, data, 1, 50}); });
    test::let_others_run(system);
    CHECK(other.waits());
    CHECK(system.call(SYS_close, {event}) == 0);
    CHECK(system.call(SYS_close, {epoll}) == 0);
    system.put(data + 64, timespec{1, 0});
    CHECK(system.call(SYS_nanosleep, {data + 64, 0}) == 0);
    CHECK(other.is_over());
    CHECK(answer == 0);
    CHECK(system.system().vfs.epoll_items() == 0);
}

TEST_CASE("epoll: all instances together watch no more than their part of memory") {
    TestSystem system;
    system.put(data, rlimit{4096, 4096});
    CHECK(system.call(SYS_prlimit64, {0, RLIMIT_NOFILE, data, 0}) == 0);
    const std::uint64_t most = system.system().vfs.max_epoll_items();
    const std::uint64_t epoll = opened(system.call(SYS_epoll_create1, {0}));
    const std::uint64_t event = opened(system.call(SYS_eventfd2, {0, 0}));
    for (std::uint64_t i = 0; i < most; ++i) {
        REQUIRE(add(system, epoll, opened(system.call(SYS_dup, {event})), EPOLLIN) == 0);
    }
    CHECK(add(system, epoll, event, EPOLLIN) == minus(Errno::enospc));
    CHECK(system.call(SYS_close, {epoll}) == 0);
    CHECK(system.system().vfs.epoll_items() == 0);
}

TEST_CASE("epoll: an event that cannot be told is told later") {
    TestSystem system;
    const std::uint64_t event = opened(system.call(SYS_eventfd2, {1, 0}));
    const std::uint64_t epoll = opened(system.call(SYS_epoll_create1, {0}));
    CHECK(add(system, epoll, event, std::uint32_t{EPOLLIN} | EPOLLET) == 0);
    CHECK(system.call(SYS_epoll_wait, {epoll, TestSystem::read_only, 1, 0}) == minus(Errno::efault));
    CHECK(system.call(SYS_epoll_wait, {epoll, TestSystem::kernel_half, 1, 0}) == minus(Errno::efault));
    CHECK(system.call(SYS_epoll_wait, {epoll, data, 1, 0}) == 1);
    CHECK(system.call(SYS_epoll_wait, {epoll, data, 1, 0}) == 0);
}

TEST_CASE("epoll: a stream of the host's") {
    test::HostPipe pipe;
    TestSystem system;
    system.task().files->put(5, HostStream::of(pipe.read_end()), OnExec::keep);
    const std::uint64_t epoll = opened(system.call(SYS_epoll_create1, {0}));
    CHECK(add(system, epoll, 5, std::uint32_t{EPOLLIN} | EPOLLET) == 0);
    CHECK(system.call(SYS_epoll_wait, {epoll, data, 1, 0}) == 0);
    pipe.put("x");
    CHECK(system.call(SYS_epoll_wait, {epoll, data, 1, for_ever}) == 1);
    CHECK(system.call(SYS_epoll_wait, {epoll, data, 1, 0}) == 0);
    CHECK(system.call(SYS_read, {5, data, 1}) == 1);
    CHECK(system.call(SYS_epoll_wait, {epoll, data, 1, 0}) == 0);
    pipe.put("y");
    CHECK(system.call(SYS_epoll_wait, {epoll, data, 1, 0}) == 1);
}

}  // namespace fl::kernel
