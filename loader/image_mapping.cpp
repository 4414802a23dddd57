#include "loader/image_mapping.hpp"

#include <fmt/format.h>

#include <span>

namespace fl::loader {

namespace {

template <class T>
using Mapped = tl::expected<T, std::string>;

std::uint64_t prot_of(const ElfSegment& segment) {
    return (segment.readable ? mm::prot_read : 0) | (segment.writable ? mm::prot_write : 0) |
           (segment.executable ? mm::prot_exec : 0);
}

std::uint64_t page_ceil(std::uint64_t bytes) { return PageCount::of_bytes(bytes).bytes(); }

// Bytes of the mapping of a segment's file part, from the start of its first page.
std::uint64_t file_mapping_bytes(const ElfSegment& segment) {
    return page_ceil(segment.address.page_offset() + segment.file_bytes);
}

class ImageMapper {
public:
    ImageMapper(mm::MmStruct& mm, mm::UserMemory& user_memory, const std::shared_ptr<mm::File>& file,
                const ElfImage& image)
        : mm_(mm), user_memory_(user_memory), file_(file), image_(image) {}

    Mapped<std::uint64_t> run() {
        if (image_.type == ElfType::position_independent) {
            if (auto placed = reserve(); !placed) return tl::unexpected(placed.error());
        }
        for (const ElfSegment& segment : image_.segments) {
            if (auto mapped = map_segment(segment); !mapped) return tl::unexpected(mapped.error());
        }
        return bias_;
    }

private:
    // Finds the place of a position-independent image as Linux does: one mapping of its whole size shows where there
    // is room. It is given back at once: every segment then finds its part of it free.
    Mapped<void> reserve() {
        const ElfSegment& first = image_.segments.front();
        const std::uint64_t image_bytes = total_bytes();
        auto place = mm_.map(file_request(first, VirtAddr(0), image_bytes, mm::map_private));
        if (!place) return refuse("the program", image_bytes, place.error());
        if (auto released = mm_.unmap(*place, image_bytes); !released) {
            return refuse("the program", image_bytes, released.error());
        }
        const VirtAddr aligned(place->value() & ~(image_.max_alignment - 1));
        bias_ = aligned.value() - first.address.page_floor().value();
        return {};
    }

    std::uint64_t total_bytes() const {
        const ElfSegment& last = image_.segments.back();
        return page_ceil(last.address + last.memory_bytes - image_.segments.front().address.page_floor());
    }

    Mapped<void> map_segment(const ElfSegment& segment) {
        if (segment.file_bytes > 0) {
            if (auto mapped = map_file_part(segment); !mapped) return mapped;
        }
        if (segment.memory_bytes == segment.file_bytes) return {};
        if (auto cleared = clear_tail(segment); !cleared) return cleared;
        return map_bss_part(segment);
    }

    Mapped<void> map_file_part(const ElfSegment& segment) {
        const VirtAddr start = biased(segment.address, bias_).page_floor();
        const auto mapped = mm_.map(
            file_request(segment, start, file_mapping_bytes(segment), mm::map_private | mm::map_fixed_noreplace));
        if (!mapped) return refuse_segment(segment, mapped.error());
        return {};
    }

    // The bytes of the file behind the segment's end belong to something else. In a segment that the program cannot
    // write Linux leaves them there, because its own write fails as well, and so do we.
    Mapped<void> clear_tail(const ElfSegment& segment) {
        const VirtAddr file_end = biased(segment.address, bias_) + segment.file_bytes;
        if (segment.file_bytes == 0 || !segment.writable || file_end.page_aligned()) return {};
        if (auto cleared = user_memory_.clear(file_end, page_size - file_end.page_offset()); !cleared) {
            return tl::unexpected(
                fmt::format("cannot zero the end of the data at {:#x}: {}", file_end.value(), why_unwritten(segment)));
        }
        return {};
    }

    Mapped<void> map_bss_part(const ElfSegment& segment) {
        const VirtAddr start = biased(segment.address, bias_);
        const VirtAddr bss_start =
            segment.file_bytes > 0 ? (start + segment.file_bytes).page_ceil() : start.page_floor();
        const VirtRange bss{bss_start, (start + segment.memory_bytes).page_ceil()};
        if (mm_.vmas().find_intersection(bss) != nullptr) return refuse_segment(segment, Errno::eexist);
        if (auto mapped = mm_.map_bss(bss, segment.executable); !mapped) return refuse_segment(segment, mapped.error());
        return {};
    }

    mm::MapRequest file_request(const ElfSegment& segment, VirtAddr hint, std::uint64_t bytes,
                                std::uint64_t flags) const {
        return mm::MapRequest{.hint = hint,
                              .length_bytes = bytes,
                              .prot = prot_of(segment),
                              .flags = flags,
                              .file = file_,
                              .pgoff = segment.file_offset >> page_shift};
    }

    Mapped<void> refuse_segment(const ElfSegment& segment, Errno error) const {
        return refuse(fmt::format("the segment at {:#x}", biased(segment.address, bias_).value()), segment.memory_bytes,
                      error);
    }

    Mapped<void> refuse(const std::string& what, std::uint64_t bytes, Errno error) const {
        return tl::unexpected(
            fmt::format("{} of {} KiB does not fit: {}", what, page_ceil(bytes) >> 10, reason(error)));
    }

    std::string reason(Errno error) const {
        switch (error) {
            case Errno::enomem:
                return fmt::format("not enough memory (the machine has {} KiB)",
                                   mm_.memory().total_page_count().bytes() >> 10);
            case Errno::eexist: return "the stack is there";
            case Errno::eperm: return fmt::format("programs may not map below {:#x}", mm::mmap_min_addr.value());
            default: return errno_text(error);
        }
    }

    // A copy to user memory only says that it failed. Where the file can be read now, frames were what was missing.
    std::string why_unwritten(const ElfSegment& segment) const {
        std::byte probe{};
        const auto readable = file_->read(segment.file_offset + segment.file_bytes - 1, std::span(&probe, 1));
        return reason(readable ? Errno::enomem : readable.error());
    }

    mm::MmStruct& mm_;
    mm::UserMemory& user_memory_;
    const std::shared_ptr<mm::File>& file_;
    const ElfImage& image_;
    std::uint64_t bias_ = 0;
};

}  // namespace

tl::expected<std::uint64_t, std::string> map_image(mm::MmStruct& mm, mm::UserMemory& user_memory,
                                                   const std::shared_ptr<mm::File>& file, const ElfImage& image) {
    return ImageMapper(mm, user_memory, file, image).run();
}

}  // namespace fl::loader
