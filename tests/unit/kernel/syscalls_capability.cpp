#include "kernel_support.hpp"

#include <sys/resource.h>

using namespace fl;
using test::minus;
using test::TestSystem;

namespace {

constexpr std::uint64_t header = TestSystem::data, sets = TestSystem::data + 64, limit = TestSystem::data + 128;
constexpr std::uint32_t version_3 = 0x20080522;

struct Header {
    std::uint32_t version;
    std::int32_t pid;
};

// effective, permitted, inheritable: the lower halves, then the upper ones.
using Sets = std::array<std::uint32_t, 6>;

std::int64_t set(TestSystem& system, const Sets& wanted) {
    system.put(header, Header{version_3, 0});
    system.put(sets, wanted);
    return system.call(SYS_capset, {header, sets});
}

}  // namespace

TEST_CASE("capabilities: a process of root's has all of them, and gives up what it likes") {
    TestSystem system;
    system.put(header, Header{version_3, 0});
    CHECK(system.call(SYS_capget, {header, sets}) == 0);
    CHECK(system.get<Sets>(sets) == Sets{0xffffffff, 0xffffffff, 0, 0x1ff, 0x1ff, 0});

    CHECK(set(system, {1U << 14, 3U << 14, 0, 0, 0, 0}) == 0);
    CHECK(system.call(SYS_capget, {header, sets}) == 0);
    CHECK(system.get<Sets>(sets) == Sets{1U << 14, 3U << 14, 0, 0, 0, 0});
    // What is permitted may become effective again; what is not may not come back.
    CHECK(set(system, {3U << 14, 3U << 14, 0, 0, 0, 0}) == 0);
    CHECK(set(system, {7U << 14, 3U << 14, 0, 0, 0, 0}) == minus(Errno::eperm));
    CHECK(set(system, {3U << 14, 7U << 14, 0, 0, 0, 0}) == minus(Errno::eperm));
}

TEST_CASE("capabilities: other versions, other processes, bad addresses") {
    TestSystem system;
    system.put(header, Header{12345, 0});
    CHECK(system.call(SYS_capget, {header, 0}) == 0);
    CHECK(system.get<Header>(header).version == version_3);
    system.put(header, Header{12345, 0});
    CHECK(system.call(SYS_capget, {header, sets}) == minus(Errno::einval));
    system.put(header, Header{12345, 0});
    CHECK(system.call(SYS_capset, {header, sets}) == minus(Errno::einval));
    system.put(header, Header{version_3, 77});
    CHECK(system.call(SYS_capget, {header, sets}) == minus(Errno::esrch));
    CHECK(system.call(SYS_capset, {header, sets}) == minus(Errno::eperm));
    system.put(header, Header{version_3, -1});
    CHECK(system.call(SYS_capget, {header, sets}) == minus(Errno::einval));
    system.put(header, Header{version_3, 2});
    CHECK(system.call(SYS_capget, {header, TestSystem::nowhere}) == minus(Errno::efault));
    CHECK(system.call(SYS_capset, {header, TestSystem::nowhere}) == minus(Errno::efault));
    CHECK(system.call(SYS_capget, {TestSystem::nowhere, sets}) == minus(Errno::efault));
}

TEST_CASE("capabilities: without them limits count, and cannot be raised again") {
    TestSystem system;
    const auto set_limit = [&](std::uint64_t soft, std::uint64_t hard) {
        system.put(limit, std::array<std::uint64_t, 2>{soft, hard});
        return system.call(SYS_setrlimit, {RLIMIT_MEMLOCK, limit});
    };
    CHECK(set_limit(page_size, page_size) == 0);
    CHECK(system.call(SYS_mlock, {TestSystem::data, 2 * page_size}) == 0);
    CHECK(system.call(SYS_munlock, {TestSystem::data, 2 * page_size}) == 0);
    CHECK(set_limit(page_size, 2 * page_size) == 0);

    CHECK(set(system, {}) == 0);
    CHECK(system.call(SYS_mlock, {TestSystem::data, 2 * page_size}) == minus(Errno::enomem));
    CHECK(set_limit(0, 3 * page_size) == minus(Errno::eperm));
    CHECK(set_limit(0, page_size) == 0);
    CHECK(system.call(SYS_mlock, {TestSystem::data, page_size}) == minus(Errno::eperm));
}
