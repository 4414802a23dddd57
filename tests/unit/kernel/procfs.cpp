#include "kernel/procfs.hpp"

#include "kernel_support.hpp"

#include <fcntl.h>
#include <unistd.h>

using namespace fl;
using test::minus;
using test::TestSystem;

namespace {

constexpr std::uint64_t path = TestSystem::data, buffer = TestSystem::data + page_size;

// A process whose /proc has a few files of the test's own.
struct WithProc {
    std::int64_t open(const std::string& name, std::uint64_t flags = O_RDONLY) {
        system.put_text(path, name);
        return system.call(SYS_open, {path, flags, 0});
    }
    std::string read(std::int64_t fd, std::uint64_t count) {
        const auto got = system.call(SYS_read, {static_cast<std::uint64_t>(fd), buffer, count});
        REQUIRE(got >= 0);
        return system.get_text(buffer, static_cast<std::size_t>(got));
    }

    TestSystem system;
};

}  // namespace

TEST_CASE("a generated text is what it was when reading began") {
    WithProc p;
    p.system.task().name = "first";
    const auto fd = p.open("/proc/self/comm");
    REQUIRE(fd == 0);
    CHECK(p.read(fd, 3) == "fir");
    p.system.task().name = "second";
    CHECK(p.read(fd, 100) == "st\n");
    CHECK(p.read(fd, 100).empty());
    CHECK(p.system.call(SYS_lseek, {0, 0, SEEK_SET}) == 0);
    CHECK(p.read(fd, 100) == "second\n");
    CHECK(p.system.call(SYS_lseek, {0, 0, SEEK_END}) == minus(Errno::einval));
    CHECK(p.system.call(SYS_pread64, {0, buffer, 4, 2}) == 4);
    CHECK(p.system.get_text(buffer, 4) == "cond");
    CHECK(p.system.call(SYS_read, {0, TestSystem::kernel_half, 1}) == minus(Errno::efault));
    CHECK(p.system.call(SYS_write, {0, buffer, 1}) == minus(Errno::ebadf));
}

TEST_CASE("a name can be written; it is cut to 15 bytes") {
    WithProc p;
    const auto fd = static_cast<std::uint64_t>(p.open("/proc/thread-self/comm", O_RDWR));
    p.system.put_text(buffer, "a name that is too long");
    CHECK(p.system.call(SYS_write, {fd, buffer, 23}) == 23);
    CHECK(p.system.task().name == "a name that is ");
    CHECK(p.system.call(SYS_write, {fd, TestSystem::nowhere, 1}) == minus(Errno::efault));
}

TEST_CASE("texts: the last few are kept, fewer of long ones, the newest whatever its length") {
    kernel::ProcTexts texts;
    const auto first = texts.keep("first");
    for (std::size_t i = 1; i < kernel::ProcTexts::max_texts; ++i) texts.keep("another");
    CHECK_FALSE(first.expired());
    const auto last = texts.keep("last");
    CHECK(first.expired());
    const auto half = texts.keep(std::string(kernel::ProcTexts::max_bytes / 2, 'x'));
    CHECK_FALSE(last.expired());
    const auto other_half = texts.keep(std::string(kernel::ProcTexts::max_bytes / 2, 'x'));
    CHECK(last.expired());
    CHECK_FALSE(half.expired());
    const auto longest = texts.keep(std::string(kernel::ProcTexts::max_bytes + 1, 'x'));
    CHECK(other_half.expired());
    CHECK(longest.lock()->size() == kernel::ProcTexts::max_bytes + 1);
}

TEST_CASE("texts of many open files are made again and not kept") {
    WithProc p;
    p.system.task().name = "old";
    for (int fd = 0; fd < 40; ++fd) {
        REQUIRE(p.open("/proc/self/comm") == fd);
        CHECK(p.read(fd, 1) == "o");
    }
    p.system.task().name = "new";
    CHECK(p.read(39, 100) == "ld\n");
    CHECK(p.read(0, 100) == "ew\n");
}

TEST_CASE("/proc has the processes that there are") {
    WithProc p;
    CHECK(p.open("/proc/2/comm") >= 0);
    CHECK(p.open("/proc/2/task/2/comm") >= 0);
    for (const char* name : {"/proc/3/comm", "/proc/02/comm", "/proc/2x/comm", "/proc/4294967297", "/proc/-1",
                             "/proc/2/task/3", "/proc/nothing"}) {
        CHECK(p.open(name) == minus(Errno::enoent));
    }
    CHECK(p.open("/proc/nothing", O_CREAT | O_WRONLY) == minus(Errno::eacces));
}
