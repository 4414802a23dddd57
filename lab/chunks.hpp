// Chunks: a string cut into aligned chunks of several lengths, and what each does to its pages if all of its references
// are hits. So a replay passes over a long stretch of hits at the cost of the pages in it.
#pragma once

#include "lab/reference_string.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace fl::lab {

class Chunks {
public:
    // A page that a chunk refers to.
    struct Use {
        PageId page : 31 = 0;
        PageId written : 1 = 0;
        std::uint32_t count = 0;  // references
        std::uint32_t last = 0;   // the last of them, counted in references from the chunk's start, from 1
    };
    struct Chunk {
        std::span<const Use> uses;  // each page once, in the order of the last references
        std::uint32_t references = 0;
    };

    static constexpr unsigned level_count = 5;
    // Of a chunk of this level, counted in runs.
    static constexpr std::size_t length(unsigned level) { return std::size_t{shortest} << (level * growth_shift); }

    // `page_limit` is the string's. Some 5 bytes for each run of a program's string. Of more than 2^31 pages there are
    // no chunks.
    Chunks(const ReferenceString& string, std::size_t page_limit);

    // That of the runs from `run` on, a multiple of the length; nullopt: there are not as many, or not only
    // references, or 2^32 of these and more.
    std::optional<Chunk> at(unsigned level, std::size_t run) const;

private:
    static constexpr PageId most_pages = PageId{1} << 31U;
    static constexpr std::size_t shortest = 32;
    static constexpr unsigned growth_shift = 3;

    struct Place {
        std::size_t end = 0;           // of its uses
        std::uint32_t references = 0;  // 0: cannot be passed over as one
    };
    struct Level {
        std::vector<Place> places;
        std::vector<Use> uses;
    };
    class Sum;

    std::array<Level, level_count> levels_;
};

inline std::optional<Chunks::Chunk> Chunks::at(unsigned level, std::size_t run) const {
    const Level& chunks = levels_[level];
    const std::size_t index = run / length(level);
    if (index >= chunks.places.size() || chunks.places[index].references == 0) return std::nullopt;
    const std::size_t start = index == 0 ? 0 : chunks.places[index - 1].end;
    return Chunk{{chunks.uses.data() + start, chunks.places[index].end - start}, chunks.places[index].references};
}

}  // namespace fl::lab
