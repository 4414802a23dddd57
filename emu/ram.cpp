#include "emu/ram.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace fl::emu {

CodeFrames::CodeFrames(PageCount frames)
    :  // calloc of this size is a lazy mapping: frames that are never used cost nothing at start-up.
      state_(static_cast<std::uint8_t*>(std::calloc(frames.value(), 1)), &std::free) {
    if (state_ == nullptr) throw std::bad_alloc();
}

WrittenFrames::WrittenFrames(PageCount frames)
    : written_(static_cast<std::uint8_t*>(std::calloc(frames.value(), 1)), &std::free) {
    if (written_ == nullptr) throw std::bad_alloc();
}

CachedTranslations::CachedTranslations(PageCount frames)
    : epochs_(static_cast<std::uint32_t*>(std::calloc(frames.value(), sizeof(std::uint32_t))), &std::free) {
    if (epochs_ == nullptr) throw std::bad_alloc();
}

void CodeFrames::forget_all() {
    for (const Pfn pfn : fetched_frames_) state_[pfn.value()] = 0;
    fetched_frames_.clear();
    any_stale_ = false;
}

tl::expected<Ram, std::string> Ram::create(PageCount frames) {
    if (frames.value() == 0) return tl::unexpected(std::string("a machine needs at least one frame of memory"));
    void* base =
        ::mmap(nullptr, frames.bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        return tl::unexpected("cannot reserve " + std::to_string(frames.bytes()) +
                              " bytes of address space for the machine's memory: " + std::strerror(errno));
    }
    // The first touch of a host page costs more than all we do for a guest's fault: ask for large ones. Frames are
    // handed out densely, so that little is touched in vain. A host without huge pages refuses; nothing is lost then.
    (void)::madvise(base, frames.bytes(), MADV_HUGEPAGE);
    return Ram(static_cast<std::byte*>(base), frames);
}

Ram::Ram(std::byte* base, PageCount frames)
    : base_(base), frames_(frames), code_frames_(frames), written_frames_(frames), cached_translations_(frames) {}

Ram::Ram(Ram&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)),
      frames_(other.frames_),
      code_frames_(std::move(other.code_frames_)),
      written_frames_(std::move(other.written_frames_)),
      cached_translations_(std::move(other.cached_translations_)) {}

void Ram::expect_sparse_use(Pfn first) {
    if (first.value() >= frames_.value()) return;
    // Refused by a host without huge pages, which has nothing to refrain from.
    (void)::madvise(base_ + first.address().value(), frames_.bytes() - first.address().value(), MADV_NOHUGEPAGE);
}

Ram::~Ram() {
    if (base_ != nullptr) ::munmap(base_, frames_.bytes());
}

}  // namespace fl::emu
