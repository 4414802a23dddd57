#include "kernel/sysv_shm.hpp"

#include "kernel/memory_census.hpp"
#include "kernel/system.hpp"
#include "mm/print_to.hpp"

#include <fmt/format.h>
#include <sys/shm.h>

#include <map>

namespace fl::kernel {

// Lives as long as a VMA, or a call that is about to make one.
class ShmAttachment final : public mm::MappingObserver {
public:
    ShmAttachment(ShmSegments& segments, std::shared_ptr<ShmSegment> segment)
        : segments_(segments), segment_(std::move(segment)) {}
    void vma_opened() override { segments_.opened(*segment_); }
    void vma_closed() override { segments_.closed(*segment_); }
    const ShmSegment& segment() const { return *segment_; }

private:
    ShmSegments& segments_;
    std::shared_ptr<ShmSegment> segment_;
};

std::uint64_t ShmSegments::now_s() const {
    constexpr std::uint64_t ns_per_second = 1'000'000'000;
    return clock_.realtime_ns() / ns_per_second;
}

std::uint64_t ShmSegments::total_pages() const {
    std::uint64_t pages = 0;
    for (const auto& [index, segment] : table_.all()) pages += segment->file->page_count().value();
    return pages;
}

Result<std::uint64_t> ShmSegments::add(System& system, const NewSegment& wanted) {
    constexpr unsigned huge_shift = 26, huge_mask = 0x3f;
    if (wanted.size_bytes == 0 || wanted.size_bytes > max_bytes) return fail(Errno::einval);
    const PageCount pages = PageCount::of_bytes(wanted.size_bytes);
    if (total_pages() + pages.value() > max_pages_of_all) return fail(Errno::enospc);
    if ((wanted.flags & SHM_HUGETLB) != 0) {
        // The sizes that x86-64 knows, of which none is in stock.
        const unsigned size_log2 = static_cast<unsigned>(wanted.flags) >> huge_shift & huge_mask;
        return fail(size_log2 == 0 || size_log2 == 21 || size_log2 == 30 ? Errno::enomem : Errno::einval);
    }
    if (wanted.size_bytes > mm::max_file_bytes) return fail(Errno::einval);
    // The heuristic of vm.overcommit_memory = 0; SHM_NORESERVE is not counted at all.
    const bool is_promised = (wanted.flags & SHM_NORESERVE) == 0;
    if (is_promised && pages > total_memory(system.memory)) return fail(Errno::enomem);
    if (table_.count() >= max_segments) return fail(Errno::enospc);

    auto segment = std::make_shared<ShmSegment>();
    segment->permissions = ipc_new_permissions(system.task, wanted.key, wanted.flags);
    segment->size_bytes = wanted.size_bytes;
    segment->creator_pid = system.task.pid;
    segment->changed_s = now_s();
    ShmSegment& added = table_.add(std::move(segment));
    // ps(1) takes the inode's number for the identifier.
    added.file = system.vfs.files().create(
        mm::FileIdentity{.path = fmt::format("/SYSV{:08x} (deleted)", static_cast<std::uint32_t>(wanted.key)),
                         .device_minor = 1,
                         .inode = static_cast<std::uint64_t>(added.permissions.id)},
        mm::FileKind::shared_memory, wanted.size_bytes);
    return static_cast<std::uint64_t>(added.permissions.id);
}

void ShmSegments::remove(ShmSegment& segment) {
    if (segment.attach_count == 0) return table_.remove(segment);
    segment.permissions.mode |= ShmSegment::destroyed;
    // Nobody finds it by its key any more.
    segment.permissions.key = IPC_PRIVATE;
}

std::shared_ptr<mm::MappingObserver> ShmSegments::attachment(const std::shared_ptr<ShmSegment>& segment) {
    return std::make_shared<ShmAttachment>(*this, segment);
}

void ShmSegments::opened(ShmSegment& segment) {
    segment.attached_s = now_s();
    segment.last_pid = running_pid_();
    ++segment.attach_count;
}

// The attachment holds the segment while this runs.
void ShmSegments::closed(ShmSegment& segment) {
    segment.detached_s = now_s();
    segment.last_pid = running_pid_();
    FL_ASSERT(segment.attach_count > 0);
    --segment.attach_count;
    if (segment.attach_count == 0 && (segment.permissions.mode & ShmSegment::destroyed) != 0) table_.remove(segment);
}

std::optional<std::string> ShmSegments::inconsistency(std::span<const mm::MmStruct* const> spaces) const {
    std::map<const ShmSegment*, std::uint64_t> mapped;
    for (const mm::MmStruct* space : spaces) {
        for (const mm::Vma* vma = space->vmas().first(); vma != nullptr; vma = vma->next()) {
            const auto* attachment = dynamic_cast<const ShmAttachment*>(vma->observer());
            if (attachment != nullptr) ++mapped[&attachment->segment()];
        }
    }
    for (const auto& [index, segment] : table_.all()) {
        const std::uint64_t count = mapped[segment.get()];
        mapped.erase(segment.get());
        if (count != segment->attach_count) {
            return fmt::format("segment {}: {} attachments, a scan finds {}", segment->permissions.id,
                               segment->attach_count, count);
        }
        if (count == 0 && (segment->permissions.mode & ShmSegment::destroyed) != 0) {
            return fmt::format("segment {}: removed, and still there", segment->permissions.id);
        }
    }
    if (!mapped.empty()) return "a segment is mapped that does not exist";
    return std::nullopt;
}

// sysvipc_shm_proc_show()
std::string ShmSegments::proc_text() const {
    std::string text =
        "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      "
        "dtime      ctime                   rss                  swap\n";
    for (const auto& [index, segment] : table_.all()) {
        const IpcPermissions& p = segment->permissions;
        print_to(text,
                 "{:>10} {:>10}  {:>4o} {:>21} {:>5} {:>5}  {:>5} {:>5} {:>5} {:>5} {:>5} {:>10} {:>10} {:>10} "
                 "{:>21} {:>21}\n",
                 p.key, p.id, p.mode, segment->size_bytes, segment->creator_pid, segment->last_pid,
                 segment->attach_count, p.uid, p.gid, p.cuid, p.cgid, segment->attached_s, segment->detached_s,
                 segment->changed_s, segment->file->cached_page_count().bytes(), segment->swapped_page_count().bytes());
    }
    return text;
}

}  // namespace fl::kernel
