#include "kernel/rseq.hpp"

#include <array>
#include <cstddef>

namespace fl::kernel {

namespace {

// struct rseq and struct rseq_cs of include/uapi/linux/rseq.h.
struct UserRseq {
    std::uint32_t cpu_id_start, cpu_id;
    std::uint64_t section;
    std::uint32_t flags, node_id, mm_cid, padding;
};
struct UserRseqSection {
    std::uint32_t version, flags;
    std::uint64_t start_ip, size_bytes, abort_ip;
};
static_assert(sizeof(UserRseq) == 32 && offsetof(UserRseq, node_id) == 20 && sizeof(UserRseqSection) == 32);

constexpr std::uint32_t original_bytes = 32;
constexpr std::uint64_t alignment_bytes = 32;
constexpr std::uint32_t cpu_id_uninitialized = ~0U;

Result<void> write_processor(Task& task, VirtAddr area, std::uint32_t cpu_id) {
    const std::array<std::uint32_t, 2> cpu_ids = {0, cpu_id};
    const std::array<std::uint32_t, 2> node_and_mm_cid = {0, 0};
    if (auto done = task.user_memory->write(area, cpu_ids); !done) return done;
    return task.user_memory->write(area + offsetof(UserRseq, node_id), node_and_mm_cid);
}

}  // namespace

Result<void> register_rseq(Task& task, const RseqArea& area) {
    if (task.rseq) {
        if (task.rseq->address != area.address || task.rseq->size_bytes != area.size_bytes) return fail(Errno::einval);
        return fail(task.rseq->signature == area.signature ? Errno::ebusy : Errno::eperm);
    }
    if (area.size_bytes < original_bytes || area.address % alignment_bytes != 0) return fail(Errno::einval);
    const auto end = VirtAddr(area.address).checked_add(area.size_bytes);
    if (!end || *end > mm::task_size) return fail(Errno::efault);
    if (auto done = write_processor(task, VirtAddr(area.address), 0); !done) return done;
    task.rseq = area;
    return {};
}

Result<void> unregister_rseq(Task& task, const RseqArea& area) {
    if (!task.rseq || task.rseq->address != area.address || task.rseq->size_bytes != area.size_bytes) {
        return fail(Errno::einval);
    }
    if (task.rseq->signature != area.signature) return fail(Errno::eperm);
    if (auto done = write_processor(task, VirtAddr(area.address), cpu_id_uninitialized); !done) return done;
    task.rseq.reset();
    return {};
}

Result<void> abort_rseq_section(Task& task) {
    if (!task.rseq) return {};
    const VirtAddr pointer = VirtAddr(task.rseq->address) + offsetof(UserRseq, section);
    const auto section_address = task.user_memory->read<std::uint64_t>(pointer);
    if (!section_address) return fail(section_address.error());
    if (*section_address == 0) return {};
    const auto section = task.user_memory->read<UserRseqSection>(VirtAddr(*section_address));
    if (!section) return fail(section.error());
    const bool sane = section->version == 0 && section->start_ip < mm::task_size.value() &&
                      section->size_bytes <= mm::task_size.value() - section->start_ip &&
                      section->abort_ip >= sizeof(std::uint32_t) && section->abort_ip < mm::task_size.value() &&
                      section->abort_ip - section->start_ip >= section->size_bytes;
    if (!sane) return fail(Errno::einval);
    if (task.registers.rip - section->start_ip < section->size_bytes) {
        const auto signature =
            task.user_memory->read<std::uint32_t>(VirtAddr(section->abort_ip - sizeof(std::uint32_t)));
        if (!signature) return fail(signature.error());
        if (*signature != task.rseq->signature) return fail(Errno::einval);
        task.registers.rip = section->abort_ip;
    }
    // Inside or left behind: the section is over.
    return task.user_memory->write(pointer, std::uint64_t{0});
}

}  // namespace fl::kernel
