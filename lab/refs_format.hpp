// The format of a recording (.refs), as RefsWriter writes and RefsReader reads it. docs/refs.md describes it in full.
//
//   file   = magic version(u32) reserved(u32) block*
//   block  = "FBLK" packed_bytes(u32) plain_bytes(u32) payload; integers are little-endian; the payload is one frame of
//            zstd with a checksum and holds whole records, plain_bytes in all
//   record = token ...; its two lowest bits say what it is: a touch by fetch, read or write, or an event
//
// A touch's token: bits 2-3 the count less 1, or 3: the count less 4 follows as a varint; bits 4-7 where the page
// stands among the latest that differ, from 0, or 15: its number follows as a varint, before the count. An event's
// token has its kind in bits 2-7; what follows are varints, and texts as a length and bytes. A varint has seven bits a
// byte, the lowest first, bit 7 where more follow (LEB128). No state outlives a block, but for which pages exist.
#pragma once

#include "lab/reference_string.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fl::lab::refs {

inline constexpr std::string_view magic = "FLTREFS\n";
inline constexpr std::uint32_t version = 1;
inline constexpr std::size_t header_bytes = 16;
inline constexpr std::string_view block_magic = "FBLK";
inline constexpr std::size_t block_header_bytes = 12;
inline constexpr std::size_t max_plain_bytes = std::size_t{1} << 20;
inline constexpr std::size_t max_text_bytes = 4096;
inline constexpr std::uint64_t max_touches = std::uint64_t{1} << 48U;

inline constexpr unsigned event_kind = 3;  // beside the three of Touch
inline constexpr unsigned counted_apart = 3;
inline constexpr unsigned numbered_apart = 15;

enum class Event : std::uint8_t {
    about,   // key, value
    page,    // page, process, page number, file
    gone,    // page
    needed,  // page
    process,
    fork,  // parent, child
    exec,  // process, path
    exit,  // process
    map,   // process, first page, pages, protection, shared, name
    unmap,
    end,  // touches, events before this one: the recording is whole
};

// The latest pages that differ, the latest first.
class LatestPages {
public:
    static constexpr std::size_t size = numbered_apart;

    LatestPages() { pages_.fill(replacement::no_page); }
    PageId operator[](std::size_t place) const { return pages_[place]; }
    // Its place, or `size`.
    std::size_t find(PageId page) const {
        std::size_t place = 0;
        while (place < size && pages_[place] != page) ++place;
        return place;
    }
    // `place` as find() has it.
    void move_to_front(std::size_t place, PageId page) {
        for (std::size_t i = std::min(place, size - 1); i > 0; --i) pages_[i] = pages_[i - 1];
        pages_[0] = page;
    }

private:
    std::array<PageId, size> pages_;
};

}  // namespace fl::lab::refs
