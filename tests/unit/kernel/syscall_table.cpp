#include "kernel/syscall_table.hpp"

#include "kernel/syscall_names.hpp"
#include "kernel_support.hpp"

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <sstream>

using namespace fl;
using test::minus;
using test::TestSystem;

namespace {

// What the default logger says while this lives.
class CapturedLog {
public:
    CapturedLog() : previous_(spdlog::default_logger()) {
        auto logger = std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_st>(text_));
        logger->set_pattern("%v");
        spdlog::set_default_logger(logger);
    }
    CapturedLog(const CapturedLog&) = delete;
    CapturedLog& operator=(const CapturedLog&) = delete;
    ~CapturedLog() { spdlog::set_default_logger(previous_); }
    std::string text() const { return text_.str(); }

private:
    std::ostringstream text_;
    std::shared_ptr<spdlog::logger> previous_;
};

}  // namespace

TEST_CASE("names of system calls") {
    CHECK(std::string(kernel::syscall_name(SYS_read)) == "read");
    CHECK(std::string(kernel::syscall_name(SYS_rseq)) == "rseq");
    CHECK(std::string(kernel::syscall_name(SYS_pidfd_send_signal)) == "pidfd_send_signal");
    CHECK(std::string(kernel::syscall_name(462)) == "mseal");
    CHECK(kernel::syscall_name(335) == nullptr);
    CHECK(kernel::syscall_name(423) == nullptr);
    CHECK(kernel::syscall_name(463) == nullptr);
    CHECK(kernel::syscall_name(~std::uint64_t{0}) == nullptr);
}

TEST_CASE("every entry of the table has a name, and is found by its number") {
    std::size_t count = 0;
    for (std::uint64_t number = 0; number < 1000; ++number) {
        const kernel::SystemCall* entry = kernel::find_system_call(number);
        if (entry == nullptr) continue;
        ++count;
        CHECK(entry->number == number);
        CHECK(kernel::syscall_name(number) != nullptr);
    }
    CHECK(count > 60);
    CHECK(kernel::find_system_call(~std::uint64_t{0}) == nullptr);
}

TEST_CASE("an unknown call is ENOSYS, and warned of once per number") {
    const CapturedLog log;
    TestSystem system;
    for (int i = 0; i < 3; ++i) {
        CHECK(system.call(SYS_ptrace) == minus(Errno::enosys));
        CHECK(system.call(9999) == minus(Errno::enosys));
    }
    // The calls of the x32 ABI.
    CHECK(system.call(0x4000'0001) == minus(Errno::enosys));
    CHECK(log.text() ==
          "system call 101 (ptrace) is not implemented; answered ENOSYS\n"
          "system call 9999 is not implemented; answered ENOSYS\n"
          "system call 1073741825 is not implemented; answered ENOSYS\n");
}

TEST_CASE("a guest that makes up numbers cannot fill the disk with warnings") {
    const CapturedLog log;
    TestSystem system;
    for (std::uint64_t number = 10'000; number < 20'000; ++number) system.call(number);
    CHECK(log.text().size() < 50'000);
}

TEST_CASE("SYSCALL leaves rip and rflags in rcx and r11, and nothing else changes but rax") {
    TestSystem system;
    system.registers().rip = 0x40'1002;
    system.registers().rbx = 7;
    CHECK(system.call(SYS_getpid) == 2);
    CHECK(system.registers().rcx == 0x40'1002);
    CHECK(system.registers().r11 == system.registers().rflags);
    CHECK(system.registers().rip == 0x40'1002);
    CHECK(system.registers().rbx == 7);
}
