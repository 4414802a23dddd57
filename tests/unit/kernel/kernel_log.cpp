// The kernel's log: its ring, and its records as text.
#include "kernel/kernel_log.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace fl::kernel {

namespace {

struct TestLog {
    std::uint64_t now_ns = 0;
    KernelLog log{[this] { return now_ns; }};

    std::string text(std::uint64_t sequence) const {
        const LogRecord* record = log.find(sequence);
        return record != nullptr ? record->text : "(gone)";
    }
};

}  // namespace

TEST_CASE("records have numbers, times and levels") {
    TestLog test;
    test.log.print(LogLevel::notice, "booted with {} pages", 8);
    test.now_ns = 12'345'678'901;
    test.log.store(facility_user, LogLevel::error, "trouble\n");
    REQUIRE(test.log.find(0) != nullptr);
    CHECK(kmsg_text(*test.log.find(0)) == "5,0,0,-;booted with 8 pages\n");
    CHECK(kmsg_text(*test.log.find(1)) == "11,1,12345678,-;trouble\n");
    CHECK(log_lines(*test.log.find(0), LogPrefix::time) == "[    0.000000] booted with 8 pages\n");
    CHECK(log_lines(*test.log.find(1), LogPrefix::priority_and_time) == "<11>[   12.345678] trouble\n");
    CHECK(test.log.find(2) == nullptr);
}

TEST_CASE("what is no letter is escaped in /dev/kmsg, and each line has its time elsewhere") {
    TestLog test;
    test.log.store(facility_user, LogLevel::warning, "a\\b\n\tc\x7f\xc3");
    CHECK(kmsg_text(*test.log.find(0)) == "12,0,0,-;a\\x5cb\\x0a\\x09c\\x7f\\xc3\n");
    CHECK(log_lines(*test.log.find(0), LogPrefix::time) == "[    0.000000] a\\b\n[    0.000000] \tc\x7f\xc3\n");
    test.log.store(facility_kernel, LogLevel::info, "");
    CHECK(log_lines(*test.log.find(1), LogPrefix::time) == "[    0.000000] \n");
}

TEST_CASE("a text is cut off at its largest size") {
    TestLog test;
    test.log.store(facility_kernel, LogLevel::info, std::string(KernelLog::max_text_bytes + 1, 'x'));
    CHECK(test.text(0) == std::string(KernelLog::max_text_bytes, 'x'));
}

TEST_CASE("new records push the oldest out: by their sizes, and by their number") {
    TestLog test;
    SUBCASE("large ones") {
        // A block is the text and its number.
        const std::string large(1016, 'x');
        const std::uint64_t fit = KernelLog::capacity_bytes / 1024;
        for (std::uint64_t i = 0; i < fit; ++i) test.log.store(facility_kernel, LogLevel::info, large);
        CHECK(test.log.first_sequence() == 0);
        test.log.store(facility_kernel, LogLevel::info, "one more");
        CHECK(test.log.first_sequence() == 1);
        CHECK(test.log.next_sequence() == fit + 1);
        CHECK(test.text(0) == "(gone)");
        CHECK(test.text(1) == large);
        CHECK(test.text(fit) == "one more");
    }
    SUBCASE("small ones") {
        for (int i = 0; i < 4096; ++i) test.log.print(LogLevel::info, "");
        CHECK(test.log.first_sequence() == 0);
        test.log.print(LogLevel::info, "");
        CHECK(test.log.first_sequence() == 1);
    }
}

TEST_CASE("each record goes to the sink as well, as dmesg prints it") {
    TestLog test;
    std::string lines;
    test.log.print(LogLevel::info, "before");
    test.log.set_sink([&lines](std::string_view more) { lines += more; });
    test.log.print(LogLevel::debug, "one");
    test.now_ns = 2'000'000'000;
    test.log.print(LogLevel::emergency, "two\nthree");
    CHECK(lines == "[    0.000000] one\n[    2.000000] two\n[    2.000000] three\n");
}

}  // namespace fl::kernel
