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

// Tried on Linux 6.18 as root, which no mode keeps out of a file of /proc.
TEST_CASE("what may be done with a text besides reading it goes by where it is") {
    struct Case {
        const char* name;
        std::int64_t to_write;  // opening it for that
        std::int64_t written, mapped, to_end;
    };
    const std::int64_t eio = minus(Errno::eio), eacces = minus(Errno::eacces), einval = minus(Errno::einval);
    const std::int64_t enodev = minus(Errno::enodev);
    const std::vector<Case> cases = {
        {"/proc/meminfo", 0, eio, eio, einval},
        {"/proc/version", 0, eio, eio, einval},
        {"/proc/self/maps", 0, einval, enodev, einval},
        {"/proc/self/status", 0, einval, enodev, einval},
        {"/proc/sys/kernel/ostype", eacces, 0, enodev, 0},
        {"/proc/sys/vm/dirty_expire_centisecs", 0, 1, enodev, 0},
        {"/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", eacces, 0, enodev, page_size},
        {"/sys/kernel/mm/transparent_hugepage/khugepaged/pages_to_scan", 0, 1, enodev, page_size},
    };
    for (const Case& c : cases) {
        CAPTURE(c.name);
        WithProc p;
        REQUIRE(p.open(c.name) == 0);
        CHECK(p.system.call(SYS_mmap, {0, page_size, 1 /* PROT_READ */, 2 /* MAP_PRIVATE */, 0, 0}) == c.mapped);
        CHECK(p.system.call(SYS_lseek, {0, 0, SEEK_END}) == c.to_end);
        CHECK(p.system.call(SYS_lseek, {0, 5, SEEK_SET}) == 5);
        CHECK(p.system.call(SYS_ftruncate, {0, 0}) == einval);
        // The mode of a setting binds root wherever it is asked for, that of an attribute when it is opened.
        const bool is_closed = std::string(c.name).starts_with("/proc/sys/") && c.to_write != 0;
        CHECK(p.system.call(SYS_truncate, {path, 7}) == (is_closed ? eacces : 0));
        CHECK(p.system.call(SYS_access, {path, W_OK}) == (is_closed ? eacces : 0));
        for (const std::uint64_t flags : {O_WRONLY, O_RDWR}) {
            const std::int64_t fd = p.open(c.name, flags);
            CHECK((fd < 0 ? fd : 0) == c.to_write);
            if (fd < 0) continue;
            p.system.put_text(buffer, "7");
            const auto number = static_cast<std::uint64_t>(fd);
            CHECK(p.system.call(SYS_write, {number, buffer, 1}) == c.written);
            CHECK(p.system.call(SYS_ftruncate, {number, 0}) == 0);
        }
    }
}

TEST_CASE("what is spliced goes to a setting, and to nothing else of /proc") {
    WithProc p;
    REQUIRE(p.open("/proc/sys/vm/dirty_writeback_centisecs") == 0);
    REQUIRE(p.open("/proc/self/comm", O_WRONLY) == 1);
    REQUIRE(p.open("/proc/sys/vm/dirty_expire_centisecs", O_WRONLY) == 2);
    REQUIRE(p.open("/dev/full", O_WRONLY) == 3);
    REQUIRE(p.open("/dev/null", O_WRONLY) == 4);
    const auto send = [&](std::uint64_t to) {
        p.system.call(SYS_lseek, {0, 0, SEEK_SET});
        return p.system.call(SYS_sendfile, {to, 0, 0, 100});
    };
    CHECK(send(1) == minus(Errno::einval));
    CHECK(send(2) == 4);
    CHECK(p.system.processes().kernel().writeback.expire_centisecs == 500);
    CHECK(send(3) == minus(Errno::einval));
    CHECK(send(4) == 4);
    // Of nothing they are not asked.
    CHECK(p.system.call(SYS_sendfile, {1, 0, 0, 100}) == 0);
    CHECK(p.system.call(SYS_sendfile, {3, 0, 0, 100}) == 0);
}

TEST_CASE("numbers are taken as each kind of file takes them") {
    WithProc p;
    const auto put = [&](const std::string& name, const std::string& text) {
        const auto fd = static_cast<std::uint64_t>(p.open(name, O_WRONLY));
        p.system.put_text(buffer, text);
        const std::int64_t done = p.system.call(SYS_write, {fd, buffer, text.size()});
        p.system.call(SYS_close, {fd});
        return done < 0 ? done : 0;
    };
    const std::int64_t no = minus(Errno::einval);
    struct Case {
        const char* text;
        std::int64_t setting, attribute, adjustment;
    };
    const std::vector<Case> cases = {{"0x1", 0, no, 0},  {"1", 0, 0, 0},    {"01", 0, 0, 0},   {" 1", 0, no, 0},
                                     {"+1", no, 0, 0},   {"1 ", 0, no, 0},  {"1\n", 0, 0, 0},  {"1\n\n", 0, no, 0},
                                     {"1x", no, no, no}, {"-1", no, no, 0}, {"\n", no, no, no}};
    for (const Case& c : cases) {
        CAPTURE(std::string(c.text));
        CHECK(put("/proc/sys/vm/compact_memory", c.text) == c.setting);
        CHECK(put("/proc/sys/vm/dirty_expire_centisecs", c.text) == c.setting);
        CHECK(put("/sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_none", c.text) == c.attribute);
        CHECK(put("/proc/self/oom_score_adj", c.text) == c.adjustment);
    }
    CHECK(put("/sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_none", "") == 0);
    CHECK(put("/proc/self/oom_score_adj", "") == no);
    CHECK(put("/proc/self/timerslack_ns", "0x10") == no);
    CHECK(put("/proc/self/timerslack_ns", "99999999999999999999") == minus(Errno::erange));
    CHECK(put("/proc/self/timerslack_ns", "5000000000") == 0);
    CHECK(p.system.task().timer_slack_ns == 5'000'000'000);
    CHECK(put("/proc/self/timerslack_ns", "010\n") == 0);
    CHECK(p.system.task().timer_slack_ns == 10);
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
