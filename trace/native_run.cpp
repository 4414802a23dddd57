#include "trace/native_run.hpp"

#include "trace/cpuid_stand_in.hpp"
#include "trace/page_fault_ring.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <thread>

namespace fl::trace {

namespace {

constexpr rlim_t stack_limit_bytes = 8ULL << 20;
constexpr int drain_interval_ms = 10;

std::vector<char*> pointers_to(const std::vector<std::string>& strings) {
    std::vector<char*> pointers;
    pointers.reserve(strings.size() + 1);
    for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
    pointers.push_back(nullptr);
    return pointers;
}

std::string read_maps(pid_t pid) {
    const std::ifstream file(fmt::format("/proc/{}/maps", pid));
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

class Pipe {
public:
    Pipe() : ok_(::pipe2(ends_.data(), O_CLOEXEC) == 0) {}
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    ~Pipe() {
        for (const int end : ends_) {
            if (end >= 0) ::close(end);
        }
    }
    bool ok() const { return ok_; }
    int reader() const { return ends_[0]; }
    int writer() const { return ends_[1]; }
    void close_writer() { ::close(std::exchange(ends_[1], -1)); }

private:
    std::array<int, 2> ends_{-1, -1};
    bool ok_ = false;
};

// Between fork and execve only what is async-signal-safe.
class Child {
public:
    explicit Child(const NativeProgram& program)
        : program_(program), argv_(pointers_to(program.argv)), environment_(pointers_to(program.environment)) {}

    // Waits for `go`, then becomes the program; says through `failure` with which errno it did not.
    [[noreturn]] void become_program(const Pipe& go, const Pipe& failure) {
        char byte = 0;
        if (::read(go.reader(), &byte, 1) == 1 && prepare()) {
            ::execve(program_.path.c_str(), argv_.data(), environment_.data());
        }
        const int error = errno;
        [[maybe_unused]] const ssize_t written = ::write(failure.writer(), &error, sizeof(error));
        ::_exit(127);
    }

private:
    static bool prepare() {
        struct rlimit stack {};
        if (::getrlimit(RLIMIT_STACK, &stack) != 0) return false;
        stack.rlim_cur = stack_limit_bytes;
        const struct rlimit no_core { 0, 0 };
        // What the emulator ignores must not be ignored by the program.
        std::signal(SIGPIPE, SIG_DFL);
        std::signal(SIGXFSZ, SIG_DFL);
        const int nothing = ::open("/dev/null", O_RDWR);
        return ::setrlimit(RLIMIT_STACK, &stack) == 0 && ::setrlimit(RLIMIT_CORE, &no_core) == 0 &&
               ::dup2(nothing, STDIN_FILENO) >= 0 && ::dup2(nothing, STDOUT_FILENO) >= 0 &&
               (nothing <= STDERR_FILENO || ::close(nothing) == 0) && ::personality(ADDR_NO_RANDOMIZE) >= 0 &&
               ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0;
    }

    const NativeProgram& program_;
    std::vector<char*> argv_;
    std::vector<char*> environment_;
};

// Follows a traced program from its execve to its end.
class Watch {
public:
    Watch(pid_t pid, const std::vector<VirtAddr>& cpuid_sites, NativeRun& run)
        : pid_(pid), run_(run), cpuid_(cpuid_sites) {}

    // False where the program was never executed.
    bool follow() {
        if (!wait_for_exec()) return false;
        run_.maps_at_start = read_maps(pid_);
        ::ptrace(PTRACE_SETOPTIONS, pid_, nullptr, PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL);
        cpuid_.arm(pid_);
        int signal = 0;
        for (;;) {
            ::ptrace(PTRACE_CONT, pid_, nullptr, signal);
            if (!wait() || !WIFSTOPPED(run_.wait_status)) break;
            signal = after_stop(run_.wait_status);
        }
        run_.cpuid_left = cpuid_.left();
        return true;
    }

private:
    bool wait() {
        while (::waitpid(pid_, &run_.wait_status, 0) < 0) {
            if (errno != EINTR) return false;
        }
        return true;
    }

    // Without PTRACE_O_TRACEEXEC a traced execve ends with a SIGTRAP.
    bool wait_for_exec() { return wait() && WIFSTOPPED(run_.wait_status) && WSTOPSIG(run_.wait_status) == SIGTRAP; }

    // The signal to go on with: what was sent to the program reaches it.
    int after_stop(int status) {
        if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8)) {
            run_.maps_at_end = read_maps(pid_);
            return 0;
        }
        return WSTOPSIG(status) == SIGTRAP && cpuid_.answer(pid_) ? 0 : WSTOPSIG(status);
    }

    pid_t pid_;
    NativeRun& run_;
    CpuidStandIn cpuid_;
};

void drain_until(PageFaultRing& ring, const std::atomic<bool>& over) {
    while (!over) {
        ring.wait(drain_interval_ms);
        ring.drain();
    }
    ring.drain();
}

void abandon(pid_t pid) {
    ::kill(pid, SIGKILL);
    int status = 0;
    ::waitpid(pid, &status, 0);
}

// Puts all of the file into the page cache, page by page. How a file came into it shows in the faults of who maps it: a
// page that is marked for readahead is not mapped around a fault, and of pages that were read or written together, and
// lie in one large folio, Linux 6.18 maps more than the window (mm/filemap.c, next_uptodate_folio and
// filemap_map_folio_range). Where the file cannot be dropped from the cache, because others have it mapped, it stays as
// it is.
void prepare_page_cache(const std::string& path) {
    constexpr off_t host_page_bytes = 4096;
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    ::fsync(file);
    ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    ::posix_fadvise(file, 0, 0, POSIX_FADV_RANDOM);
    std::array<char, host_page_bytes> bytes{};
    for (off_t at = 0; ::pread(file, bytes.data(), bytes.size(), at) > 0; at += host_page_bytes) {
    }
    ::close(file);
}

std::optional<int> read_errno(const Pipe& failure) {
    int error = 0;
    if (::read(failure.reader(), &error, sizeof(error)) != sizeof(error)) return std::nullopt;
    return error;
}

}  // namespace

tl::expected<NativeRun, std::string> run_natively(const NativeProgram& program) {
    prepare_page_cache(program.path);
    Pipe go, failure;
    if (!go.ok() || !failure.ok()) return tl::unexpected(fmt::format("pipe: {}", std::strerror(errno)));
    Child child(program);
    const pid_t pid = ::fork();
    if (pid < 0) return tl::unexpected(fmt::format("fork: {}", std::strerror(errno)));
    if (pid == 0) child.become_program(go, failure);
    failure.close_writer();

    auto ring = PageFaultRing::open(pid);
    if (!ring) {
        abandon(pid);
        return tl::unexpected(ring.error());
    }
    NativeRun run;
    std::atomic<bool> over{false};
    // ptrace's requests must come from the thread that the child was born to: the other one drains.
    std::thread drainer([&] { drain_until(*ring, over); });
    const bool told = ::write(go.writer(), "", 1) == 1;
    const bool executed = told && Watch(pid, program.cpuid_sites, run).follow();
    over = true;
    drainer.join();

    if (!executed) {
        const auto error = read_errno(failure);
        return tl::unexpected(
            fmt::format("{}: natively: {}", program.path, error ? std::strerror(*error) : "it was not started"));
    }
    if (ring->lost() > 0) {
        return tl::unexpected(
            fmt::format("{}: {} page faults came faster than they could be recorded", program.path, ring->lost()));
    }
    run.faults = ring->faults();
    return run;
}

}  // namespace fl::trace
