// What waits: timers, sleeping, pipes, poll, futexes and children, on a system with one task.
#include "kernel_support.hpp"

#include "kernel/timers.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <sys/wait.h>

#include <ctime>

namespace fl::kernel {

using test::minus;
using test::TestSystem;

namespace {

constexpr std::uint64_t data = TestSystem::data;

std::uint64_t open_pipe(TestSystem& system, std::uint64_t flags = 0) {
    REQUIRE(system.call(SYS_pipe2, {data, flags}) == 0);
    return system.get<std::uint32_t>(data);
}

}  // namespace

TEST_CASE("timers: in the order of their deadlines, those that expire meanwhile included; cancelled ones never") {
    Timers timers;
    std::vector<int> happened;
    timers.add(30, [&] { happened.push_back(3); });
    timers.add(10, [&] {
        happened.push_back(1);
        timers.add(20, [&] { happened.push_back(2); });
    });
    const auto cancelled = timers.add(15, [&] { happened.push_back(99); });
    timers.add(10, [&] { happened.push_back(11); });
    timers.cancel(cancelled);
    CHECK(timers.first_deadline_ns() == std::optional<std::uint64_t>(10));
    timers.expire(9);
    CHECK(happened.empty());
    timers.expire(25);
    CHECK(happened == std::vector<int>{1, 11, 2});
    timers.expire(1000);
    CHECK(happened == std::vector<int>{1, 11, 2, 3});
    CHECK(timers.empty());
    timers.cancel(cancelled);
}

TEST_CASE("who sleeps lets virtual time jump") {
    TestSystem system;
    system.put(data, timespec{3, 5});
    const std::uint64_t before = system.clock().monotonic_ns();
    CHECK(system.call(SYS_nanosleep, {data, 0}) == 0);
    CHECK(system.clock().monotonic_ns() - before == 3'000'000'005);
}

TEST_CASE("an alarm ends a sleep, and says what was left") {
    TestSystem system;
    CHECK(system.call(SYS_alarm, {1}) == 0);
    system.put(data, timespec{3, 0});
    CHECK(system.call(SYS_nanosleep, {data, data + 64}) == minus(Errno::eintr));
    CHECK(system.get<timespec>(data + 64).tv_sec == 2);
    CHECK(system.signals().pending().has(SIGALRM));
    CHECK(system.task().restart_call.has_value());
}

TEST_CASE("a pipe: bytes in order, its room, and its ends") {
    TestSystem system;
    const std::uint64_t reader = open_pipe(system, O_NONBLOCK), writer = reader + 1;
    CHECK(system.call(SYS_read, {reader, data, 10}) == minus(Errno::eagain));
    CHECK(system.call(SYS_read, {writer, data, 10}) == minus(Errno::ebadf));
    CHECK(system.call(SYS_lseek, {reader, 0, 0}) == minus(Errno::espipe));
    system.put_text(data, "hello, world");
    CHECK(system.call(SYS_write, {writer, data, 7}) == 7);
    CHECK(system.call(SYS_write, {writer, data + 7, 5}) == 5);
    CHECK(system.call(SYS_read, {reader, data + 100, 4}) == 4);
    CHECK(system.call(SYS_read, {reader, data + 104, 100}) == 8);
    CHECK(system.get_text(data + 100, 12) == "hello, world");

    std::int64_t held = 0;
    while (system.call(SYS_write, {writer, data, 4096}) == 4096) held += 4096;
    CHECK(held == 65536);
    // There is room once a page has been read; what is large takes what there is.
    CHECK(system.call(SYS_read, {reader, data, 100}) == 100);
    CHECK(system.call(SYS_write, {writer, data, 1}) == minus(Errno::eagain));
    CHECK(system.call(SYS_write, {writer, data, 5000}) == minus(Errno::eagain));
    CHECK(system.call(SYS_read, {reader, data, 3996}) == 3996);
    CHECK(system.call(SYS_write, {writer, data, 5000}) == 4096);

    CHECK(system.call(SYS_close, {reader}) == 0);
    CHECK(system.call(SYS_write, {writer, data, 1}) == minus(Errno::epipe));
    CHECK(system.signals().pending().has(SIGPIPE));
}

TEST_CASE("pipes: what is inside takes RAM, and gives it back") {
    TestSystem system;
    system.put(data, std::uint64_t{0});
    const PageCount before = system.memory().used_page_count();
    std::int64_t answer = 0;
    while (answer >= 0) {
        REQUIRE(system.call(SYS_pipe2, {data, O_NONBLOCK}) == 0);
        const auto writer = system.get<std::uint32_t>(data + 4);
        do {
            answer = system.call(SYS_write, {writer, data, page_size});
        } while (answer > 0);
        if (answer == minus(Errno::eagain)) answer = 0;
    }
    CHECK(answer == minus(Errno::enomem));
    CHECK(system.memory().buddy().free_page_count() == PageCount(64 / 16));
    REQUIRE(system.call(SYS_close_range, {0, 1000, 0}) == 0);
    CHECK(system.memory().used_page_count() == before);
}

TEST_CASE("poll: what is ready, what is not there, and time") {
    TestSystem system;
    const std::uint64_t reader = open_pipe(system), writer = reader + 1;
    system.put(data, pollfd{static_cast<int>(reader), POLLIN, 0});
    system.put(data + 8, pollfd{static_cast<int>(writer), POLLOUT, 0});
    system.put(data + 16, pollfd{77, POLLIN, 0});
    CHECK(system.call(SYS_poll, {data, 3, 0}) == 2);
    CHECK(system.get<pollfd>(data).revents == 0);
    CHECK(system.get<pollfd>(data + 8).revents == POLLOUT);
    CHECK(system.get<pollfd>(data + 16).revents == POLLNVAL);
    const std::uint64_t before = system.clock().monotonic_ns();
    CHECK(system.call(SYS_poll, {data, 1, 250}) == 0);
    CHECK(system.clock().monotonic_ns() - before == 250'000'000);
    CHECK(system.call(SYS_close, {writer}) == 0);
    CHECK(system.call(SYS_poll, {data, 1, test::negative(-1)}) == 1);
    CHECK(system.get<pollfd>(data).revents == POLLHUP);
    CHECK(system.call(SYS_poll, {TestSystem::nowhere, 1, 0}) == minus(Errno::efault));
}

TEST_CASE("futex: only while the word holds what is expected, and until the time is up") {
    TestSystem system;
    system.put(data, std::uint32_t{5});
    system.put(data + 64, timespec{0, 1000});
    CHECK(system.call(SYS_futex, {data, FUTEX_WAIT, 4, 0}) == minus(Errno::eagain));
    CHECK(system.call(SYS_futex, {data, FUTEX_WAIT, 5, data + 64}) == minus(Errno::etimedout));
    CHECK(system.call(SYS_futex, {data, FUTEX_WAKE, 1}) == 0);
    CHECK(system.call(SYS_futex, {data + 2, FUTEX_WAKE, 1}) == minus(Errno::einval));
    CHECK(system.call(SYS_futex, {TestSystem::nowhere, FUTEX_WAIT, 0, data + 64}) == minus(Errno::efault));
    CHECK(system.call(SYS_futex, {data, FUTEX_WAIT_BITSET, 5, data + 64, 0, 0}) == minus(Errno::einval));
    CHECK(system.call(SYS_futex, {data, FUTEX_LOCK_PI, 0, 0}) == minus(Errno::enosys));
    // Operation: add 3 to the second word; nobody waits for either.
    system.put(data + 4, std::uint32_t{2});
    const std::uint64_t add_3 = std::uint64_t{FUTEX_OP_ADD} << 28 | 3U << 12;
    CHECK(system.call(SYS_futex, {data, FUTEX_WAKE_OP, 1, 1, data + 4, add_3}) == 0);
    CHECK(system.get<std::uint32_t>(data + 4) == 5);
}

TEST_CASE("clone and wait: what may not go together, and nobody to wait for") {
    TestSystem system;
    CHECK(system.call(SYS_clone, {CLONE_THREAD, 0}) == minus(Errno::einval));
    CHECK(system.call(SYS_clone, {CLONE_SIGHAND, 0}) == minus(Errno::einval));
    CHECK(system.call(SYS_clone, {CLONE_NEWPID, 0}) == minus(Errno::einval));
    CHECK(system.call(SYS_clone3, {data, 63}) == minus(Errno::einval));
    CHECK(system.call(SYS_clone3, {TestSystem::nowhere, 88}) == minus(Errno::efault));
    CHECK(system.call(SYS_wait4, {test::negative(-1), 0, 0, 0}) == minus(Errno::echild));
    CHECK(system.call(SYS_wait4, {test::negative(-1), 0, 0x100, 0}) == minus(Errno::einval));
    CHECK(system.call(SYS_waitid, {P_ALL, 0, 0, WNOHANG, 0}) == minus(Errno::einval));
    CHECK(system.call(SYS_waitid, {P_PID, 77, 0, WEXITED, 0}) == minus(Errno::echild));
}

TEST_CASE("groups and sessions of the first process") {
    TestSystem system;
    CHECK(system.call(SYS_setsid) == minus(Errno::eperm));
    CHECK(system.call(SYS_setpgid, {0, 0}) == 0);
    CHECK(system.call(SYS_getsid, {0}) == 1);
    CHECK(system.call(SYS_setpgid, {77, 0}) == minus(Errno::esrch));
    CHECK(system.call(SYS_setpgid, {0, test::negative(-1)}) == minus(Errno::einval));
    CHECK(system.call(SYS_getpgid, {1}) == 1);
}

}  // namespace fl::kernel
