// Ram: the machine's physical memory, one host mapping that costs host memory only where it has been touched.
//
// Invariants: the mapping never moves; every accessor checks the frame number against page_count(). The bytes of a
// frame that was never written read as zero.
#pragma once

#include "emu/address.hpp"
#include "emu/pte.hpp"

#include <tl/expected.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace fl::emu {

using FrameBytes = std::span<std::byte, page_size>;

// Which frames hold bytes that the processor has translated, and which of those were rewritten behind its back.
//
// The processor notices a guest's stores to translated code where they go through an executable TLB entry. It does not
// notice stores through one that is only writable (note_writable), nor the kernel's: whoever changes a frame's bytes
// from outside calls note_rewritten(). Where a frame is mapped twice, a store goes through another TLB entry than the
// fetch: whoever fills the TLB flushes the other entry when note_fetched() or note_writable() says that there may be
// one.
class CodeFrames {
public:
    explicit CodeFrames(PageCount frames);

    enum class OtherEntry : std::uint8_t { none, may_exist };

    // The answer: whether the TLB may hold an entry through which stores go unnoticed.
    OtherEntry note_fetched(Pfn pfn) {
        std::uint8_t& state = state_[pfn.value()];
        if ((state & fetched) != 0) return OtherEntry::none;
        fetched_frames_.push_back(pfn);
        state |= fetched;
        return (state & writable) != 0 ? OtherEntry::may_exist : OtherEntry::none;
    }
    // A guest's stores to the frame will go unnoticed: its next fetch has to translate anew. The answer: whether the
    // TLB may hold an entry through which it is fetched without asking.
    OtherEntry note_writable(Pfn pfn) {
        std::uint8_t& state = state_[pfn.value()];
        state |= writable;
        if ((state & fetched) == 0) return OtherEntry::none;
        state |= stale;
        return OtherEntry::may_exist;
    }
    void note_rewritten(Pfn pfn) {
        std::uint8_t& state = state_[pfn.value()];
        if ((state & fetched) == 0) return;
        state |= stale;
        any_stale_ = true;
    }
    bool was_fetched(Pfn pfn) const { return (state_[pfn.value()] & fetched) != 0; }
    bool any_stale() const { return any_stale_; }
    bool is_stale(Pfn pfn) const { return (state_[pfn.value()] & stale) != 0; }
    // All translations and TLB entries were thrown away.
    void forget_all();

private:
    static constexpr std::uint8_t fetched = 1;
    static constexpr std::uint8_t stale = 2;
    static constexpr std::uint8_t writable = 4;  // the TLB has, or had, an entry that is writable and not executable
    std::unique_ptr<std::uint8_t[], void (*)(void*)> state_;
    std::vector<Pfn> fetched_frames_;
    bool any_stale_ = false;
};

// Which frames the TLB may hold an entry for, told from the flushes: what was walked to since the last one. Who takes
// an entry's ground away need not flush for a frame that has not been walked to.
class CachedTranslations {
public:
    explicit CachedTranslations(PageCount frames);

    void note_walked(Pfn pfn) { epochs_[pfn.value()] = epoch_; }
    // The whole TLB was flushed. (After 2^32 flushes a frame may be taken for cached that is not, which does no harm.)
    void note_flushed() { ++epoch_; }
    bool may_hold(Pfn pfn) const { return epochs_[pfn.value()] == epoch_; }
    // For one of so many frames from `first` on: a large page is cached in pieces of 4 KiB.
    bool may_hold_any(Pfn first, std::uint64_t count) const {
        for (std::uint64_t i = 0; i < count; ++i) {
            if (may_hold(first + i)) return true;
        }
        return false;
    }

private:
    std::unique_ptr<std::uint32_t[], void (*)(void*)> epochs_;  // of each frame's last walk; 0: never
    std::uint32_t epoch_ = 1;
};

// Which frames may hold other bytes than zeroes. Who stores to a frame notes it before: the kernel itself, and for the
// program whoever lets the TLB grant a store.
class WrittenFrames {
public:
    // All of them are zeroes.
    explicit WrittenFrames(PageCount frames);

    void note_written(Pfn pfn) { written_[pfn.value()] = 1; }
    // The kernel has filled it with zeroes.
    void note_zeroed(Pfn pfn) { written_[pfn.value()] = 0; }
    bool may_hold_bytes(Pfn pfn) const { return written_[pfn.value()] != 0; }

private:
    std::unique_ptr<std::uint8_t[], void (*)(void*)> written_;
};

class Ram {
public:
    // Reserves `frames` frames. The error is one line for a person.
    static tl::expected<Ram, std::string> create(PageCount frames);

    Ram(Ram&& other) noexcept;
    Ram& operator=(Ram&&) = delete;
    Ram(const Ram&) = delete;
    Ram& operator=(const Ram&) = delete;
    ~Ram();

    PageCount page_count() const { return frames_; }
    std::byte* base() const { return base_; }

    FrameBytes frame(Pfn pfn) const {
        FL_ASSERT(pfn.value() < frames_.value());
        return FrameBytes(base_ + pfn.value() * page_size, page_size);
    }
    // The frame as a page table of any level.
    std::span<Pte, 512> table(Pfn pfn) const {
        return std::span<Pte, 512>(reinterpret_cast<Pte*>(frame(pfn).data()), 512);
    }

    // The frames from `first` on will be touched here and there, so that the host need not back them with large pages.
    void expect_sparse_use(Pfn first);

    // The kernel is about to store to a frame that the program may see.
    void note_kernel_store(Pfn pfn) {
        code_frames_.note_rewritten(pfn);
        written_frames_.note_written(pfn);
    }
    CodeFrames& code_frames() { return code_frames_; }
    WrittenFrames& written_frames() { return written_frames_; }
    const WrittenFrames& written_frames() const { return written_frames_; }
    CachedTranslations& cached_translations() { return cached_translations_; }
    const CachedTranslations& cached_translations() const { return cached_translations_; }

private:
    Ram(std::byte* base, PageCount frames);

    std::byte* base_;
    PageCount frames_;
    CodeFrames code_frames_;
    WrittenFrames written_frames_;
    CachedTranslations cached_translations_;
};

}  // namespace fl::emu
