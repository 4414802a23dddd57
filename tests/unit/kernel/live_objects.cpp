// What is left when all processes have ended: each kind is counted, and a number that is off is said.
#include "kernel/live_objects.hpp"

#include "kernel_support.hpp"

#include "kernel/vfs/file_description.hpp"

#include <linux/futex.h>
#include <sys/stat.h>

#include <ctime>

namespace fl::kernel {

using test::minus;
using test::TestSystem;

namespace {

constexpr std::uint64_t data = TestSystem::data;

LiveObjects live(TestSystem& system) {
    return live_objects(system.processes(), system.system().scheduler, system.system().futexes);
}

}  // namespace

TEST_CASE("open files and timers") {
    TestSystem system;
    const LiveObjects before = live(system);
    CHECK(leftovers(before, live(system)).empty());
    REQUIRE(system.call(SYS_pipe2, {data, 0}) == 0);
    REQUIRE(system.call(SYS_dup, {system.get<std::uint32_t>(data)}) > 0);
    CHECK(live(system).open_files == before.open_files + 2);
    REQUIRE(system.call(SYS_alarm, {10}) == 0);
    CHECK(live(system).timers == before.timers + 1);
    CHECK(leftovers(before, live(system)).size() == 2);
    REQUIRE(system.call(SYS_alarm, {0}) == 10);
    REQUIRE(system.call(SYS_close_range, {0, 100, 0}) == 0);
    CHECK(leftovers(before, live(system)).empty());
}

TEST_CASE("who waits for a futex") {
    TestSystem system;
    const LiveObjects before = live(system);
    LiveObjects during;
    system.system().scheduler.timers().add(system.clock().monotonic_ns() + 1000, [&] { during = live(system); });
    system.put(data, std::uint32_t{7});
    system.put(data + 64, timespec{0, 5000});
    REQUIRE(system.call(SYS_futex, {data, FUTEX_WAIT, 7, data + 64}) == minus(Errno::etimedout));
    CHECK(during.futex_waiters == 1);
    CHECK(leftovers(before, live(system)).empty());
}

TEST_CASE("inodes that outlive their names") {
    TestSystem system;
    system.put_text(data, "/tmp/file");
    REQUIRE(system.call(SYS_mknod, {data, S_IFREG | 0600, 0}) == 0);
    DentryPointer tmp = system.system().vfs.make_directories("/tmp");
    DentryPointer held = tmp->inode->directory()->find(system.system(), tmp, "file");
    REQUIRE(held != nullptr);
    const std::uint64_t with_held = system.system().vfs.take_apart();
    held.reset();
    tmp.reset();
    // The file, and its directory; the root stays with the task.
    CHECK(with_held - system.system().vfs.take_apart() == 2);
}

TEST_CASE("each number that is off has a line of its own") {
    LiveObjects expected;
    expected.processes = 1;
    CHECK(leftovers(expected, expected).empty());
    LiveObjects found{.tasks = 1,
                      .processes = 2,
                      .queued = 3,
                      .timers = 4,
                      .futex_waiters = 5,
                      .open_files = 6,
                      .inodes = 7,
                      .frames = 8};
    const auto lines = leftovers(expected, found);
    REQUIRE(lines.size() == 8);
    CHECK(lines[1] == "processes after the last process's end: 2, 1 expected");
    CHECK(lines[7] == "frames in use after the last process's end: 8, 0 expected");
}

}  // namespace fl::kernel
