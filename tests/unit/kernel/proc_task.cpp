#include "kernel/proc_task.hpp"

#include "kernel/proc_status.hpp"
#include "kernel_support.hpp"

#include <cctype>
#include <fstream>
#include <sstream>

using namespace fl;
using namespace fl::kernel;
using fl::test::TestSystem;

namespace {

std::string host_file(const char* path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

// The first word of each line, with everything up to its colon.
std::string labels(const std::string& text) {
    std::istringstream stream(text);
    std::string found;
    for (std::string line; std::getline(stream, line);) found += line.substr(0, line.find(':')) + "\n";
    return found;
}

void set_strings(TestSystem& system, const std::string& arguments, const std::string& environment) {
    const auto put = [&](std::uint64_t at, const std::string& text) {
        REQUIRE(system.user().copy_to(VirtAddr(at), std::as_bytes(std::span(text))).has_value());
    };
    const std::uint64_t start = TestSystem::data + 100;
    put(start, arguments + environment);
    const VirtAddr middle(start + arguments.size());
    mm::ImageBounds bounds{};
    bounds.arg_start = VirtAddr(start);
    bounds.arg_end = bounds.env_start = middle;
    bounds.env_end = middle + environment.size();
    system.task().mm->set_bounds(bounds);
}

}  // namespace

TEST_CASE("cmdline and environ: the program's own bytes") {
    TestSystem system;
    const std::string arguments("cat\0-n\0", 7);
    const std::string environment("A=1\0B=2\0", 8);
    set_strings(system, arguments, environment);
    const emu::Ram& ram = system.memory().ram();
    CHECK(proc_cmdline(ram, *system.task().mm) == arguments);
    CHECK(proc_environ(ram, *system.task().mm) == environment);
}

TEST_CASE("cmdline: a title written over the arguments goes on in the environment, up to its end") {
    TestSystem system;
    set_strings(system, "worker:", std::string(" idle\0old=1\0", 12));
    CHECK(proc_cmdline(system.memory().ram(), *system.task().mm) == std::string("worker: idle\0", 13));
}

TEST_CASE("cmdline: memory that the program has unmapped shows nothing") {
    TestSystem system;
    set_strings(system, std::string("cat\0", 4), "");
    REQUIRE(system.task().mm->unmap(VirtAddr(TestSystem::data), page_size));
    CHECK(proc_cmdline(system.memory().ram(), *system.task().mm).empty());
}

TEST_CASE("auxv: the saved vector as bytes") {
    TestSystem system;
    system.task().mm->set_saved_auxv({6, 4096, 0, 0});
    const std::string text = proc_auxv(*system.task().mm);
    REQUIRE(text.size() == 32);
    CHECK(text.substr(0, 10) == std::string("\6\0\0\0\0\0\0\0\0\20", 10));
}

TEST_CASE("limits: names, columns and units") {
    LimitTable limits = default_limits();
    limits[static_cast<std::size_t>(Limit::stack)] = {8 << 20, LimitPair::infinity};
    const std::string text = proc_limits(limits);
    CHECK(
        text.starts_with("Limit                     Soft Limit           Hard Limit           Units     \n"
                         "Max cpu time              unlimited            unlimited            seconds   \n"));
    CHECK(text.find("\nMax stack size            8388608              unlimited            bytes     \n") !=
          std::string::npos);
    CHECK(text.find("\nMax nice priority         0                    0                    \n") != std::string::npos);
    CHECK(text.ends_with("\nMax realtime timeout      unlimited            unlimited            us        \n"));
}

TEST_CASE("oom_score: 666 for a process that has next to nothing, more with its share of memory") {
    TestSystem system(PageCount(101));
    const mm::MmStruct& mm = *system.task().mm;
    Process& process = *system.task().process;
    // Resident: 1 page; of the tables the root does not count. 100 frames can be used.
    system.put<int>(TestSystem::data, 1);
    const std::uint64_t points = 1 + mm.pgtables_bytes() / page_size;
    CHECK(points == 4);
    CHECK(proc_oom_score(process, system.memory()) == "693\n");  // (1000 + 1000 * 4 / 100) * 2 / 3
    process.oom_score_adjustment = -1000;
    CHECK(proc_oom_score(process, system.memory()) == "0\n");
}

TEST_CASE("statm: pages in all, resident, shared, code, data and stack") {
    TestSystem system;
    mm::MmStruct& mm = *system.task().mm;
    mm::ImageBounds bounds{};
    bounds.start_code = VirtAddr(0x401800);
    bounds.end_code = VirtAddr(0x402001);
    mm.set_bounds(bounds);
    system.put<int>(TestSystem::data, 1);
    // 8 writable pages and 1 that can only be read.
    CHECK(proc_statm(mm) == "9 1 0 2 0 8 0\n");
}

TEST_CASE("status: the memory lines") {
    TestSystem system;
    system.task().name = "guest";
    system.put<int>(TestSystem::data, 1);
    system.put<int>(TestSystem::data + page_size, 1);
    const std::string text = proc_status(system.task(), 0);
    CHECK(text.starts_with("Name:\tguest\nUmask:\t0022\nState:\tR (running)\nTgid:\t2\n"));
    const std::size_t from = text.find("VmPeak:");
    const std::size_t to = text.find("CoreDumping:");
    REQUIRE(from != std::string::npos);
    CHECK(text.substr(from, to - from) ==
          "VmPeak:\t      36 kB\n"
          "VmSize:\t      36 kB\n"
          "VmLck:\t       0 kB\n"
          "VmPin:\t       0 kB\n"
          "VmHWM:\t       8 kB\n"
          "VmRSS:\t       8 kB\n"
          "RssAnon:\t       8 kB\n"
          "RssFile:\t       0 kB\n"
          "RssShmem:\t       0 kB\n"
          "VmData:\t      32 kB\n"
          "VmStk:\t       0 kB\n"
          "VmExe:\t       0 kB\n"
          "VmLib:\t       0 kB\n"
          "VmPTE:\t      12 kB\n"
          "VmSwap:\t       0 kB\n"
          "HugetlbPages:\t       0 kB\n");
}

TEST_CASE("status: signals that wait, are blocked, ignored or caught") {
    TestSystem system;
    Signals& signals = system.signals();
    signals.set_blocked(SignalSet::of(SIGUSR1));
    signals.set_action(SIGUSR2, SignalAction{.handler = 0x1000});
    signals.set_action(SIGHUP, SignalAction{.handler = SignalAction::ignore});
    REQUIRE(signals.send(SignalQueue::process, SignalInfo{.number = SIGUSR1}, 8));
    const std::string text =
        proc_status(system.task(), system.system().processes.queued_signals(system.task().credentials.user.real));
    CHECK(text.find("\nSigQ:\t1/31000\n"
                    "SigPnd:\t0000000000000000\n"
                    "ShdPnd:\t0000000000000200\n"
                    "SigBlk:\t0000000000000200\n"
                    "SigIgn:\t0000000000000001\n"
                    "SigCgt:\t0000000000000800\n") != std::string::npos);
}

TEST_CASE("status and limits: the very labels that this machine's Linux prints, where it is the one we follow") {
    if (!host_file("/proc/sys/kernel/osrelease").starts_with("6.18")) {
        MESSAGE("skipped: another version of Linux");
        return;
    }
    TestSystem system;
    CHECK(labels(proc_status(system.task(), 0)) == labels(host_file("/proc/self/status")));
    std::string host_limits = host_file("/proc/self/limits");
    std::string limits = proc_limits(system.task().process->limits);
    for (std::string* text : {&host_limits, &limits}) {
        std::erase_if(*text, [](unsigned char c) { return std::isdigit(c) != 0 || c == ' '; });
        while (text->find("unlimited") != std::string::npos) text->erase(text->find("unlimited"), 9);
    }
    CHECK(limits == host_limits);
}

TEST_CASE("stat: 52 fields, and those of memory where Linux has them") {
    TestSystem system;
    system.task().name = "a guest";
    mm::MmStruct& mm = *system.task().mm;
    mm.set_bounds(mm::ImageBounds{.start_code = VirtAddr(11),
                                  .end_code = VirtAddr(12),
                                  .start_data = VirtAddr(13),
                                  .end_data = VirtAddr(14),
                                  .start_stack = VirtAddr(15),
                                  .arg_start = VirtAddr(16),
                                  .arg_end = VirtAddr(17),
                                  .env_start = VirtAddr(18),
                                  .env_end = VirtAddr(19)});
    mm.set_start_brk(VirtAddr(20));
    Usage usage;
    usage.time = CpuTime{.user_ns = 20'000'000, .system_ns = 10'000'000};
    usage.minor_faults = 71;
    usage.major_faults = 3;
    CHECK(
        proc_stat(system.task(), usage) ==
        "2 (a guest) R 1 2 1 0 -1 0 71 0 3 0 2 1 0 0 20 0 1 0 0 36864 0 18446744073709551615 11 12 15 0 0 0 0 0 0 0 0 "
        "0 17 0 0 0 0 0 0 13 14 20 16 17 18 19 0\n");
    // A nice value, a real-time priority, children's figures.
    system.task().scheduling.nice = 5;
    CHECK(proc_stat(system.task(), usage).find(" 2 1 0 0 25 5 1 0 ") != std::string::npos);
    system.task().scheduling = SchedulingPolicy{.policy = SchedulingPolicy::fifo, .priority = 40};
    CHECK(proc_stat(system.task(), usage).find(" 2 1 0 0 -41 0 1 0 ") != std::string::npos);
    CHECK(proc_stat(system.task(), usage).find(" 17 0 40 1 0 0 0 13 14 ") != std::string::npos);
    system.task().process->children = usage;
    CHECK(proc_stat(system.task(), usage).find(" 71 71 3 3 2 1 2 1 ") != std::string::npos);
}
