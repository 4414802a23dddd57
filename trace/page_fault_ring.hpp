// PageFaultRing: the page faults that one process of the host takes in user mode, as perf_event_open(2) records them:
// the event of `perf record -e page-faults:u -c 1 -d`, without perf around it.
//
// Recording starts with the process's next execve. drain() may run beside the process, and must, as the ring is finite:
// what does not fit is lost and counted.
#pragma once

#include "trace/user_fault.hpp"

#include <sys/types.h>
#include <tl/expected.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace fl::trace {

class PageFaultRing {
public:
    // For the process `pid`, not yet executed. The error is one line: why this host does not let us record.
    static tl::expected<PageFaultRing, std::string> open(pid_t pid);
    PageFaultRing(PageFaultRing&& other) noexcept;
    PageFaultRing& operator=(PageFaultRing&&) = delete;
    ~PageFaultRing();

    // Waits for records, or until the process is gone; at most `timeout_ms`.
    void wait(int timeout_ms) const;
    // Takes out what has been recorded since the last call.
    void drain();

    const std::vector<UserFault>& faults() const { return faults_; }
    std::uint64_t lost() const { return lost_; }

private:
    PageFaultRing(int descriptor, void* mapping, std::size_t data_bytes)
        : descriptor_(descriptor), mapping_(mapping), data_bytes_(data_bytes) {}

    void copy_out(std::uint64_t position, void* into, std::size_t count) const;

    int descriptor_;
    void* mapping_;
    std::size_t data_bytes_;  // a power of two
    std::vector<UserFault> faults_;
    std::uint64_t lost_ = 0;
};

}  // namespace fl::trace
