// Record locks: ranges, and who waits for whom.
#include "kernel/vfs/record_locks.hpp"

#include "several_tasks.hpp"

#include <fcntl.h>

#include <vector>

namespace fl::kernel {

using test::minus;
using test::OtherTask;
using test::TestSystem;

namespace {

constexpr std::uint64_t data = TestSystem::data;

// A naive twin: what owner holds each of a few bytes, and how.
struct ByteTable {
    static constexpr std::size_t size = 12;
    std::array<std::array<int, size>, 2> kinds{};  // by owner: 0 none, 1 shared, 2 exclusive
};

struct flock lock_of(short type, off_t start, off_t length) {
    struct flock lock {};
    lock.l_type = type;
    lock.l_start = start;
    lock.l_len = length;
    return lock;
}

}  // namespace

TEST_CASE("record locks: every sequence over a few bytes says what a table of bytes says") {
    const std::array<int, 2> owners{};
    RecordLocks locks;
    ByteTable table;
    std::uint64_t state = 1;
    const auto random = [&state](std::uint64_t bound) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        return (state >> 33) % bound;
    };
    for (int step = 0; step < 20'000; ++step) {
        const std::size_t who = random(2);
        const std::uint64_t first = random(ByteTable::size);
        const std::uint64_t last = first + random(ByteTable::size - first);
        const int kind = static_cast<int>(random(3));
        const RecordLock wanted{first, last, kind == 2 ? LockKind::exclusive : LockKind::shared, &owners[who],
                                static_cast<std::int32_t>(who)};
        bool free = true;
        for (std::uint64_t byte = first; byte <= last; ++byte) {
            const int other = table.kinds[1 - who][byte];
            free = free && (other == 0 || (other == 1 && kind != 2));
        }
        if (kind == 0) {
            REQUIRE(locks.unlock(wanted).has_value());
        } else {
            REQUIRE((locks.conflict(wanted) == nullptr) == free);
            if (!free) continue;
            REQUIRE(locks.set(wanted).has_value());
        }
        for (std::uint64_t byte = first; byte <= last; ++byte) table.kinds[who][byte] = kind;
        for (std::uint64_t byte = 0; byte < ByteTable::size; ++byte) {
            const RecordLock* held = locks.own({byte, byte, LockKind::shared, &owners[who], 0});
            const int found = held == nullptr ? 0 : held->kind == LockKind::exclusive ? 2 : 1;
            REQUIRE(found == table.kinds[who][byte]);
        }
    }
}

TEST_CASE("record locks: neighbours of one kind are one, and there are no more than fit") {
    const int owner = 0, other = 0;
    RecordLocks locks;
    CHECK(locks.set({10, 19, LockKind::shared, &owner, 1}).has_value());
    CHECK(locks.set({30, 39, LockKind::shared, &owner, 1}).has_value());
    CHECK(locks.set({20, 29, LockKind::shared, &owner, 1}).has_value());
    const RecordLock* whole = locks.conflict({0, 100, LockKind::exclusive, &other, 2});
    REQUIRE(whole != nullptr);
    CHECK(whole->first == 10);
    CHECK(whole->last == 39);
    Result<void> last{};
    for (std::uint64_t i = 0; i < RecordLocks::max_locks && last; ++i) {
        last = locks.set({1000 + 2 * i, 1000 + 2 * i, LockKind::shared, &owner, 1});
    }
    REQUIRE_FALSE(last.has_value());
    CHECK(last.error() == Errno::enolck);
    locks.release(&owner);
    CHECK(locks.conflict({0, 100, LockKind::exclusive, &other, 2}) == nullptr);
}

TEST_CASE("record locks: circles are seen over several who wait, and no further than Linux looks") {
    LockWaits waits;
    const std::array<int, 16> owners{};
    for (std::size_t i = 0; i + 1 < 5; ++i) waits.add(&owners[i], &owners[i + 1]);
    CHECK(waits.closes_circle(&owners[4], &owners[0]));
    CHECK_FALSE(waits.closes_circle(&owners[5], &owners[0]));
    waits.remove(&owners[2], &owners[3]);
    CHECK_FALSE(waits.closes_circle(&owners[4], &owners[0]));
}

TEST_CASE("a task that waits for a record lock gets it when its holder closes the file, or is told of a circle") {
    TestSystem system;
    system.put_text(data, "/tmp/locked");
    const auto fd = static_cast<std::uint64_t>(system.call(SYS_open, {data, O_RDWR | O_CREAT, 0600}));
    system.put(data + 64, lock_of(F_WRLCK, 0, 10));
    CHECK(system.call(SYS_fcntl, {fd, F_SETLK, data + 64}) == 0);
    std::int64_t first_answer = 1, circle = 1;
    OtherTask other(system, [&](OtherTask& task) {
        task.task().files = std::make_shared<FileTable>(*task.task().files);
        system.put(data + 128, lock_of(F_WRLCK, 20, 10));
        CHECK(task.call(SYS_fcntl, {fd, F_SETLK, data + 128}) == 0);
        system.put(data + 128, lock_of(F_RDLCK, 0, 1));
        first_answer = task.call(SYS_fcntl, {fd, F_SETLKW, data + 128});
    });
    test::let_others_run(system);
    CHECK(other.waits());
    system.put(data + 64, lock_of(F_WRLCK, 20, 1));
    circle = system.call(SYS_fcntl, {fd, F_SETLKW, data + 64});
    CHECK(circle == minus(Errno::edeadlk));
    CHECK(system.call(SYS_close, {fd}) == 0);
    test::let_others_run(system);
    CHECK(other.is_over());
    CHECK(first_answer == 0);
}

TEST_CASE("a file that is closed while its lock is waited for takes the lock along") {
    TestSystem system;
    system.put_text(data, "/tmp/locked");
    const auto fd = static_cast<std::uint64_t>(system.call(SYS_open, {data, O_RDWR | O_CREAT, 0600}));
    const auto second = static_cast<std::uint64_t>(system.call(SYS_open, {data, O_RDWR, 0}));
    system.put(data + 64, lock_of(F_WRLCK, 0, 0));
    CHECK(system.call(SYS_fcntl, {fd, F_OFD_SETLK, data + 64}) == 0);
    std::int64_t answer = 1;
    OtherTask other(system, [&](OtherTask& task) { answer = task.call(SYS_fcntl, {second, F_SETLKW, data + 64}); });
    test::let_others_run(system);
    CHECK(other.waits());
    CHECK(system.call(SYS_close, {second}) == 0);
    CHECK(system.call(SYS_close, {fd}) == 0);
    test::let_others_run(system);
    CHECK(answer == minus(Errno::ebadf));
    const auto third = static_cast<std::uint64_t>(system.call(SYS_open, {data, O_RDWR, 0}));
    CHECK(system.call(SYS_fcntl, {third, F_OFD_SETLK, data + 64}) == 0);
}

}  // namespace fl::kernel
