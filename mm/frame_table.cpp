#include "mm/frame_table.hpp"

#include <cstdlib>
#include <new>
#include <utility>

namespace fl::mm {

FrameTable::FrameTable(PageCount frames, std::byte* storage)
    : frames_(frames),
      // Lazily zeroed by the host; an all-zero Frame is a valid free one.
      table_(static_cast<Frame*>(std::calloc(frames.value(), sizeof(Frame))), &std::free) {
    static_assert(std::is_trivially_destructible_v<Frame>);
    FL_ASSERT(frames.value() < (std::uint64_t{1} << 32));
    if (table_ == nullptr) throw std::bad_alloc();
    if (storage == nullptr) return;
    // The host has promised that much memory, which RAM, reserved without a promise, has not asked for.
    table_ = {reinterpret_cast<Frame*>(storage), [](void*) {}};
}

void FrameTable::add_reference(Pfn pfn) {
    Frame& frame = at(pfn);
    FL_ASSERT(frame.state != FrameState::free && frame.reference_count > 0);
    ++frame.reference_count;
}

void FrameTable::add_mapping(Pfn pfn, emu::Pte* entry) {
    Frame& frame = at(pfn);
    FL_ASSERT(frame.state == FrameState::anonymous || frame.state == FrameState::file_cache ||
              frame.state == FrameState::shared_memory || frame.state == FrameState::special);
    frame.only_entry = frame.map_count == 0 ? entry : nullptr;
    ++frame.map_count;
    FL_ASSERT(frame.map_count <= frame.reference_count);
}

void FrameTable::drop_mapping(Pfn pfn) {
    Frame& frame = at(pfn);
    FL_ASSERT(frame.map_count > 0);
    --frame.map_count;
    if (frame.map_count == 0) frame.only_entry = nullptr;
}

void FrameTable::add_large_mapping(Pfn first, emu::Pte* entry) {
    for (std::uint64_t i = 0; i < emu::large_page_frames; ++i) add_mapping(first + i, entry);
    if (at(first).entire_map_count++ == 0) ++large_pages_;
}

void FrameTable::drop_large_mapping(Pfn first) {
    FL_ASSERT(at(first).entire_map_count > 0);
    if (--at(first).entire_map_count == 0) --large_pages_;
    for (std::uint64_t i = 0; i < emu::large_page_frames; ++i) drop_mapping(first + i);
}

void FrameTable::split_large_mapping(Pfn first, const emu::Pte* large, emu::Pte* entries) {
    FL_ASSERT(at(first).entire_map_count > 0);
    if (--at(first).entire_map_count == 0) --large_pages_;
    for (std::uint64_t i = 0; i < emu::large_page_frames; ++i) move_mapping(first + i, large, entries + i);
}

void FrameTable::move(Pfn from, Pfn to) {
    Frame& source = at(from);
    Frame& target = at(to);
    FL_ASSERT(source.state != FrameState::free && target.state == FrameState::free && !target.heads_free_block);
    target = std::exchange(source, Frame{});
}

}  // namespace fl::mm
