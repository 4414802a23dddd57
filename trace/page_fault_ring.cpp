#include "trace/page_fault_ring.hpp"

#include <fmt/format.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

namespace fl::trace {

namespace {

constexpr std::size_t host_page_bytes = 4096;
// As large as the host allows: unprivileged it is little more than half a MiB (kernel.perf_event_mlock_kb).
constexpr std::size_t most_ring_bytes = 64ULL << 20;
constexpr std::size_t least_ring_bytes = 64ULL << 10;

perf_event_attr user_page_faults() {
    perf_event_attr attributes{};
    attributes.size = sizeof(attributes);
    attributes.type = PERF_TYPE_SOFTWARE;
    attributes.config = PERF_COUNT_SW_PAGE_FAULTS;
    attributes.sample_period = 1;
    attributes.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_ADDR;
    attributes.disabled = 1;
    attributes.enable_on_exec = 1;
    attributes.exclude_kernel = 1;
    attributes.exclude_hv = 1;
    attributes.watermark = 1;
    attributes.wakeup_watermark = least_ring_bytes / 4;
    return attributes;
}

std::string paranoia() {
    std::ifstream file("/proc/sys/kernel/perf_event_paranoid");
    if (!file) return "this kernel has no perf events";
    int level = 0;
    file >> level;
    return file ? fmt::format("kernel.perf_event_paranoid is {}; 2 or less is needed, or CAP_PERFMON", level) : "";
}

tl::unexpected<std::string> refused(const char* call, int error) {
    std::string text = fmt::format("page faults cannot be recorded here: {}: {}", call, std::strerror(error));
    if (error == EACCES || error == EPERM || error == ENOENT || error == ENOSYS) {
        text += fmt::format(" ({})", paranoia());
    }
    return tl::unexpected(std::move(text));
}

// PERF_RECORD_SAMPLE with the sample_type above.
struct SampleBody {
    std::uint64_t instruction;
    std::uint32_t pid, tid;
    std::uint64_t address;
};
struct LostBody {
    std::uint64_t id, count;
};

}  // namespace

tl::expected<PageFaultRing, std::string> PageFaultRing::open(pid_t pid) {
    perf_event_attr attributes = user_page_faults();
    const long opened = ::syscall(SYS_perf_event_open, &attributes, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
    if (opened < 0) return refused("perf_event_open", errno);
    const int descriptor = static_cast<int>(opened);
    for (std::size_t data_bytes = most_ring_bytes; data_bytes >= least_ring_bytes; data_bytes /= 2) {
        void* mapping =
            ::mmap(nullptr, host_page_bytes + data_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
        if (mapping != MAP_FAILED) return PageFaultRing(descriptor, mapping, data_bytes);
    }
    const int error = errno;
    ::close(descriptor);
    return refused("mmap of the ring", error);
}

PageFaultRing::PageFaultRing(PageFaultRing&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      mapping_(std::exchange(other.mapping_, nullptr)),
      data_bytes_(other.data_bytes_),
      faults_(std::move(other.faults_)),
      lost_(other.lost_) {}

PageFaultRing::~PageFaultRing() {
    if (mapping_ != nullptr) ::munmap(mapping_, host_page_bytes + data_bytes_);
    if (descriptor_ >= 0) ::close(descriptor_);
}

void PageFaultRing::wait(int timeout_ms) const {
    pollfd waiting{descriptor_, POLLIN, 0};
    ::poll(&waiting, 1, timeout_ms);
}

// perf_event_open(2): the kernel moves data_head, we move data_tail; both only grow.
void PageFaultRing::drain() {
    auto& page = *static_cast<perf_event_mmap_page*>(mapping_);
    const std::uint64_t head = std::atomic_ref(page.data_head).load(std::memory_order_acquire);
    std::uint64_t tail = page.data_tail;
    while (tail < head) {
        perf_event_header header{};
        copy_out(tail, &header, sizeof(header));
        if (header.type == PERF_RECORD_SAMPLE) {
            SampleBody body{};
            copy_out(tail + sizeof(header), &body, sizeof(body));
            faults_.push_back({VirtAddr(body.instruction), VirtAddr(body.address)});
        } else if (header.type == PERF_RECORD_LOST) {
            LostBody body{};
            copy_out(tail + sizeof(header), &body, sizeof(body));
            lost_ += body.count;
        }
        tail += header.size;
    }
    std::atomic_ref(page.data_tail).store(tail, std::memory_order_release);
}

void PageFaultRing::copy_out(std::uint64_t position, void* into, std::size_t count) const {
    const char* data = static_cast<const char*>(mapping_) + host_page_bytes;
    for (std::size_t i = 0; i < count; ++i) {
        static_cast<char*>(into)[i] = data[(position + i) & (data_bytes_ - 1)];
    }
}

}  // namespace fl::trace
