// The kernel's log as programs read and write it: /dev/kmsg, /proc/kmsg, syslog(2). What is expected was tried on
// Linux 6.18.
#include "kernel_support.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <memory>
#include <string>

namespace fl::kernel {

using test::minus;
using test::TestSystem;

namespace {

constexpr std::uint64_t path_at = TestSystem::data, text_at = TestSystem::data + page_size;
constexpr std::uint64_t text_bytes = 2 * page_size;

struct KmsgSystem : TestSystem {
    KernelLog& log() { return processes().kernel().log; }
    std::uint64_t open(const char* path, int flags) {
        put_text(path_at, path);
        const std::int64_t fd = call(SYS_open, {path_at, static_cast<std::uint64_t>(flags), 0});
        REQUIRE(fd >= 0);
        return static_cast<std::uint64_t>(fd);
    }
    // A record, or the error in parentheses.
    std::string read(std::uint64_t fd, std::uint64_t size_bytes = text_bytes) {
        const std::int64_t got = call(SYS_read, {fd, text_at, size_bytes});
        return got < 0 ? "(" + std::to_string(-got) + ")" : get_text(text_at, static_cast<std::size_t>(got));
    }
    std::int64_t write(std::uint64_t fd, const std::string& text) {
        put_text(text_at, text);
        return call(SYS_write, {fd, text_at, text.size()});
    }
    std::int64_t seek(std::uint64_t fd, std::int64_t offset, int whence) {
        return call(SYS_lseek, {fd, static_cast<std::uint64_t>(offset), static_cast<std::uint64_t>(whence)});
    }
    short poll(std::uint64_t fd) {
        put(text_at, pollfd{static_cast<int>(fd), POLLIN | POLLOUT | POLLPRI | POLLRDNORM, 0});
        REQUIRE(call(SYS_poll, {text_at, 1, 0}) >= 0);
        return get<pollfd>(text_at).revents;
    }
    std::string syslog(std::int32_t action, std::uint64_t size_bytes = text_bytes) {
        const std::int64_t got = call(SYS_syslog, {static_cast<std::uint64_t>(action), text_at, size_bytes});
        return got < 0 ? "(" + std::to_string(-got) + ")" : get_text(text_at, static_cast<std::size_t>(got));
    }
};

// Memory that a userfaultfd looks after: `meanwhile` is what others do while the kernel waits for it.
struct AnsweredFaults final : mm::UserfaultWaiter {
    struct Context final : mm::UserfaultContext {
        Context() : UserfaultContext(false) {}
        std::shared_ptr<UserfaultContext> for_child() const override { return nullptr; }
    };
    AnsweredFaults(KmsgSystem& system, std::function<void()> work) : test(system), meanwhile(std::move(work)) {
        const VirtRange pages{VirtAddr(text_at), VirtAddr(text_at + text_bytes)};
        REQUIRE(test.task().mm->register_userfault(pages, mm::vm_uffd_missing, context));
        test.system().faults.set_userfault_waiter(this);
    }
    AnsweredFaults(const AnsweredFaults&) = delete;
    AnsweredFaults& operator=(const AnsweredFaults&) = delete;
    ~AnsweredFaults() { test.system().faults.set_userfault_waiter(nullptr); }
    bool wait_for_userfault(const mm::Userfault&) override {
        test.task().mm->release_userfault(*context);
        meanwhile();
        return true;
    }
    KmsgSystem& test;
    std::function<void()> meanwhile;
    std::shared_ptr<Context> context = std::make_shared<Context>();
};

constexpr std::int32_t read_once = 2, read_all = 3, read_clear = 4, clear = 5, console_level = 8, size_unread = 9;

}  // namespace

TEST_CASE("/dev/kmsg gives a record with each read, from the first that there is") {
    KmsgSystem system;
    system.log().print(LogLevel::info, "one");
    system.log().print(LogLevel::error, "two");
    const std::uint64_t fd = system.open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
    CHECK(system.read(fd) == "6,0,0,-;one\n");
    CHECK(system.read(fd) == "3,1,0,-;two\n");
    CHECK(system.read(fd) == "(11)");
    system.log().print(LogLevel::debug, "three");
    CHECK(system.read(fd) == "7,2,0,-;three\n");
    const struct stat status = system.system().task.files->find(fd).value()->status(system.system()).value();
    CHECK(status.st_mode == (S_IFCHR | 0644));
    CHECK(status.st_rdev == ((1 << 8) | 11));
}

TEST_CASE("a record that does not fit is lost to its reader, and one that was pushed out is told") {
    KmsgSystem system;
    system.log().print(LogLevel::info, "too long");
    system.log().print(LogLevel::info, "fits");
    const std::uint64_t fd = system.open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
    CHECK(system.read(fd, 10) == "(22)");
    CHECK(system.read(fd) == "6,1,0,-;fits\n");
    CHECK(system.seek(fd, 0, SEEK_SET) == 0);
    for (int i = 0; i < 4096; ++i) system.log().print(LogLevel::info, "{}", i);
    CHECK(system.poll(fd) == (POLLIN | POLLRDNORM | POLLERR | POLLPRI));
    CHECK(system.read(fd) == "(32)");
    CHECK(system.poll(fd) == (POLLIN | POLLRDNORM));
    CHECK(system.read(fd) == "6,2,0,-;0\n");
    CHECK(system.call(SYS_read, {fd, TestSystem::nowhere, 100}) == minus(Errno::efault));
}

TEST_CASE("lseek goes to the first record, to the first since the log was cleared, and behind the last") {
    KmsgSystem system;
    for (const char* text : {"a", "b"}) system.log().print(LogLevel::info, "{}", text);
    CHECK(system.syslog(clear) == "");
    system.log().print(LogLevel::info, "c");
    const std::uint64_t fd = system.open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
    CHECK(system.seek(fd, 0, SEEK_DATA) == 0);
    CHECK(system.read(fd) == "6,2,0,-;c\n");
    CHECK(system.seek(fd, 0, SEEK_SET) == 0);
    CHECK(system.read(fd) == "6,0,0,-;a\n");
    CHECK(system.poll(fd) == (POLLIN | POLLRDNORM));
    CHECK(system.seek(fd, 0, SEEK_END) == 0);
    CHECK(system.read(fd) == "(11)");
    CHECK(system.poll(fd) == 0);
    CHECK(system.seek(fd, 0, SEEK_CUR) == minus(Errno::einval));
    CHECK(system.seek(fd, 0, SEEK_HOLE) == minus(Errno::einval));
    CHECK(system.seek(fd, 1, SEEK_SET) == minus(Errno::espipe));
    const std::uint64_t writer = system.open("/dev/kmsg", O_WRONLY);
    CHECK(system.seek(writer, 0, SEEK_SET) == minus(Errno::ebadf));
    CHECK(system.poll(writer) == POLLERR);
}

TEST_CASE("a reader waits for the next record") {
    KmsgSystem system;
    system.task_work = [](System& own) { own.processes.kernel().log.print(LogLevel::info, "from a child"); };
    const std::uint64_t fd = system.open("/dev/kmsg", O_RDONLY);
    REQUIRE(system.call(SYS_fork) > 0);
    CHECK(system.read(fd) == "6,0,0,-;from a child\n");
}

TEST_CASE("what is written to /dev/kmsg is a record, with the level and facility in front of it") {
    KmsgSystem system;
    const std::uint64_t fd = system.open("/dev/kmsg", O_RDWR | O_NONBLOCK);
    const auto written = [&](const std::string& text) {
        CHECK(system.write(fd, text) == static_cast<std::int64_t>(text.size()));
        const std::string record = system.read(fd);
        return record.substr(0, record.find(',')) + record.substr(record.find(';'));
    };
    CHECK(written("plain") == "12;plain\n");
    CHECK(written("line\n") == "12;line\n");
    CHECK(written("<3>error") == "11;error\n");
    CHECK(written("<30>daemon") == "30;daemon\n");
    CHECK(written("<0>not the kernel's") == "8;not the kernel's\n");
    CHECK(written("<x>no number") == "12;<x>no number\n");
    CHECK(written("<7 unclosed") == "12;<7 unclosed\n");
    CHECK(written("<3") == "12;<3\n");
    CHECK(written("<-1>") == "12;<-1>\n");
    CHECK(written("<>no digit") == "8;no digit\n");
    // So many may be said at a time.
    system.work().done.instructions += RateLimit::interval_ns + 1;
    CHECK(written("two\nlines\n") == "12;two\\x0alines\n");
    CHECK(written(std::string("up to\0here", 10)) == "12;up to\n");
    CHECK(written("<99999999999>too many digits") == "2047;too many digits\n");
    CHECK(written("<18446744073709551620>even more") == "12;even more\n");
    const std::string longest(KernelLog::max_text_bytes, 'x');
    CHECK(written(longest) == "12;" + longest + "\n");
    const std::uint64_t last = system.log().next_sequence();
    CHECK(system.write(fd, longest + "x") == minus(Errno::einval));
    CHECK(system.call(SYS_write, {fd, TestSystem::nowhere, 4}) == minus(Errno::efault));
    CHECK(system.log().next_sequence() == last);
}

TEST_CASE("the log is spliced nowhere, neither by its device nor by /proc/kmsg") {
    KmsgSystem system;
    system.log().print(LogLevel::info, "one");
    REQUIRE(system.call(SYS_pipe, {text_at}) == 0);
    const auto ends = system.get<std::array<std::int32_t, 2>>(text_at);
    const auto from = static_cast<std::uint64_t>(ends[0]), to = static_cast<std::uint64_t>(ends[1]);
    for (const char* path : {"/dev/kmsg", "/proc/kmsg"}) {
        const std::uint64_t log = system.open(path, O_RDONLY | O_NONBLOCK);
        CHECK(system.call(SYS_splice, {log, 0, to, 0, 100, 0}) == minus(Errno::einval));
        CHECK(system.call(SYS_sendfile, {to, log, 0, 100}) == minus(Errno::einval));
    }
    const std::uint64_t log = system.open("/dev/kmsg", O_WRONLY), file = system.open("/proc/version", O_RDONLY);
    CHECK(system.write(to, "piped") == 5);
    CHECK(system.call(SYS_splice, {from, 0, log, 0, 5, 0}) == minus(Errno::einval));
    CHECK(system.call(SYS_sendfile, {log, file, 0, 100}) == minus(Errno::einval));
    CHECK(system.call(SYS_sendfile, {log, file, 0, 0}) == 0);
    CHECK(system.log().next_sequence() == 1);
}

TEST_CASE("a program that writes too much is not heard, and that is told when it closes the file") {
    KmsgSystem system;
    system.task().name = "talker";
    const std::uint64_t fd = system.open("/dev/kmsg", O_WRONLY);
    for (int i = 0; i < 13; ++i) CHECK(system.write(fd, "again") == 5);
    CHECK(system.log().next_sequence() == 10);
    system.work().done.instructions += RateLimit::interval_ns + 1;
    CHECK(system.write(fd, "later") == 5);
    CHECK(system.log().next_sequence() == 11);
    CHECK(system.call(SYS_close, {fd}) == 0);
    REQUIRE(system.log().find(11) != nullptr);
    CHECK(system.log().find(11)->text == "talker: 3 output lines suppressed due to ratelimiting");
    CHECK(system.log().find(11)->level == LogLevel::warning);
}

TEST_CASE("syslog(2) gives all that fits of the newest, until the log is cleared") {
    KmsgSystem system;
    system.log().print(LogLevel::info, "one");
    system.log().print(LogLevel::notice, "two");
    const std::string one = "<6>[    0.000000] one\n", two = "<5>[    0.000000] two\n";
    CHECK(system.syslog(read_all) == one + two);
    CHECK(system.syslog(read_all, one.size() + two.size()) == one + two);
    CHECK(system.syslog(read_all, one.size() + two.size() - 1) == two);
    CHECK(system.syslog(read_all, 3) == "");
    CHECK(system.syslog(read_all, 0) == "");
    CHECK(system.syslog(read_clear) == one + two);
    CHECK(system.syslog(read_all) == "");
    system.log().print(LogLevel::info, "one");
    CHECK(system.syslog(read_all) == one);
    CHECK(system.call(SYS_syslog, {read_all, TestSystem::nowhere, 100}) == minus(Errno::efault));
    CHECK(system.call(SYS_syslog, {read_all, TestSystem::kernel_half, 100}) == minus(Errno::efault));
    CHECK(system.call(SYS_syslog, {read_all, 0, 100}) == minus(Errno::einval));
    CHECK(system.call(SYS_syslog, {read_all, text_at, test::negative(-1)}) == minus(Errno::einval));
}

TEST_CASE("SYSLOG_ACTION_READ and /proc/kmsg go on from one place, and waits where there is nothing") {
    KmsgSystem system;
    system.log().print(LogLevel::info, "one");
    system.log().print(LogLevel::info, "two");
    const std::string one = "<6>[    0.000000] one\n", two = "<6>[    0.000000] two\n";
    const auto unread = [&] { return system.call(SYS_syslog, {size_unread, 0, 0}); };
    CHECK(unread() == static_cast<std::int64_t>(one.size() + two.size()));
    CHECK(system.syslog(read_once, 5) == one.substr(0, 5));
    CHECK(unread() == static_cast<std::int64_t>(one.size() + two.size() - 5));
    CHECK(system.syslog(read_once, one.size()) == one.substr(5));
    const std::uint64_t fd = system.open("/proc/kmsg", O_RDONLY | O_NONBLOCK);
    CHECK(system.poll(fd) == (POLLIN | POLLRDNORM));
    CHECK(system.call(SYS_read, {fd, 0, 5}) == minus(Errno::einval));
    CHECK(system.call(SYS_read, {fd, TestSystem::nowhere, 0}) == 0);
    CHECK(system.read(fd) == two);
    CHECK(system.poll(fd) == 0);
    CHECK(system.read(fd) == "(11)");
    CHECK(unread() == 0);
    system.task_work = [](System& own) { own.processes.kernel().log.print(LogLevel::info, "one"); };
    REQUIRE(system.call(SYS_fork) > 0);
    CHECK(system.syslog(read_once) == one);
    // Clearing is for others.
    system.log().print(LogLevel::info, "two");
    CHECK(system.syslog(clear) == "");
    CHECK(system.syslog(read_once) == two);
}

TEST_CASE("SYSLOG_ACTION_READ into bad memory loses what it was about to read") {
    KmsgSystem system;
    for (const char* text : {"one", "two", "three"}) system.log().print(LogLevel::info, "{}", text);
    CHECK(system.call(SYS_syslog, {read_once, TestSystem::nowhere, 5}) == minus(Errno::efault));
    CHECK(system.syslog(read_once, 17) == "   0.000000] one\n");
    CHECK(system.call(SYS_syslog, {read_once, TestSystem::nowhere, 100}) == minus(Errno::efault));
    CHECK(system.syslog(read_once) == "<6>[    0.000000] three\n");
}

TEST_CASE("while syslog(2) waits for its memory, others read on, and records come and go") {
    const std::string one = "<6>[    0.000000] one\n";
    SUBCASE("read") {
        KmsgSystem system;
        for (const char* text : {"one", "two", "three"}) system.log().print(LogLevel::info, "{}", text);
        const AnsweredFaults faults(system, [&] {
            const auto got = system.call(SYS_syslog, {read_once, TestSystem::data + 4 * page_size, one.size()});
            CHECK(got == static_cast<std::int64_t>(one.size()));
        });
        CHECK(system.syslog(read_once) == one + "<6>[    0.000000] three\n");
    }
    SUBCASE("clear") {
        KmsgSystem system;
        system.log().print(LogLevel::info, "one");
        const AnsweredFaults faults(system, [&] { system.log().print(LogLevel::info, "two"); });
        CHECK(system.syslog(read_clear) == one);
        CHECK(system.syslog(read_all) == "<6>[    0.000000] two\n");
    }
    SUBCASE("pushed out") {
        KmsgSystem system;
        for (const char* text : {"one", "two"}) system.log().print(LogLevel::info, "{}", text);
        const AnsweredFaults faults(system, [&] {
            for (int i = 0; i < 4096; ++i) system.log().print(LogLevel::info, "{}", i);
        });
        CHECK(system.syslog(read_once, one.size() + 20) == one + "<6>[    0.000000] 0\n");
    }
}

TEST_CASE("the level of the console can be set, and everybody may read, who is not root no more than that") {
    KmsgSystem system;
    const auto setting = [&system] {
        const std::uint64_t fd = system.open("/proc/sys/kernel/printk", O_RDONLY);
        return system.read(fd);
    };
    CHECK(setting() == "7\t4\t1\t7\n");
    CHECK(system.call(SYS_syslog, {console_level, 0, 4}) == 0);
    CHECK(setting() == "4\t4\t1\t7\n");
    for (const std::uint64_t wrong : {0, 9}) {
        CHECK(system.call(SYS_syslog, {console_level, 0, wrong}) == minus(Errno::einval));
    }
    for (const std::uint64_t nothing : {0, 1, 6, 7}) CHECK(system.call(SYS_syslog, {nothing, 0, 0}) == 0);
    CHECK(system.call(SYS_setresuid, {1000, 1000, 1000}) == 0);
    system.log().print(LogLevel::info, "open to all");
    CHECK(system.syslog(read_all) == "<6>[    0.000000] open to all\n");
    CHECK(system.call(SYS_syslog, {10, 0, 0}) == 131'072);
    for (const std::uint64_t refused : {2, 4, 5, 8, 9}) {
        CHECK(system.call(SYS_syslog, {refused, text_at, 4}) == minus(Errno::eperm));
    }
    const std::uint64_t fd = system.open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
    CHECK(system.read(fd) == "6,0,0,-;open to all\n");
    system.put_text(path_at, "/dev/kmsg");
    CHECK(system.call(SYS_open, {path_at, O_WRONLY, 0}) == minus(Errno::eacces));
    system.put_text(path_at, "/proc/kmsg");
    CHECK(system.call(SYS_open, {path_at, O_RDONLY, 0}) == minus(Errno::eacces));
}

}  // namespace fl::kernel
