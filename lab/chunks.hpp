// Chunks: a string cut into aligned chunks of several lengths, and what each does to its pages if all of its references
// are hits. So a replay passes over a long stretch of hits at the cost of the pages in it.
#pragma once

#include "lab/reference_string.hpp"

#include <algorithm>
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

// Finds the chunks that are worth a try: after one that could be passed over a longer one, after one that could not a
// shorter one, and none at all until `length(0)` runs were passed one by one.
class ChunkPasser {
public:
    explicit ChunkPasser(const Chunks* chunks) : chunks_(chunks) {}

    // How many runs from run `from` on play(chunk) has passed over; it says whether it did, or changed nothing.
    template <class Play>
    std::size_t pass(std::size_t from, Play play);
    // All runs up to this one have been passed.
    void come_to(std::size_t run) {
        if (run % Chunks::length(0) == 0 && levels_ == 0) levels_ = 1;
    }
    // Where passing runs one by one ends for now, `from` being passed next.
    std::size_t boundary(std::size_t from, std::size_t size) const {
        if (chunks_ == nullptr) return size;
        return std::min((from / Chunks::length(0) + 1) * Chunks::length(0), size);
    }

private:
    const Chunks* chunks_;
    unsigned levels_ = 0;  // those below this one are worth a try
};

template <class Play>
std::size_t ChunkPasser::pass(std::size_t from, Play play) {
    if (chunks_ == nullptr || from % Chunks::length(0) != 0) return 0;
    unsigned levels = levels_;
    while (levels > 1 && from % Chunks::length(levels - 1) != 0) --levels;
    for (; levels > 0; --levels) {
        const auto chunk = chunks_->at(levels - 1, from);
        if (chunk && play(*chunk)) {
            levels_ = std::max(levels_, std::min(levels + 1, Chunks::level_count));
            return Chunks::length(levels - 1);
        }
        levels_ = levels - 1;
    }
    return 0;
}

inline std::optional<Chunks::Chunk> Chunks::at(unsigned level, std::size_t run) const {
    const Level& chunks = levels_[level];
    const std::size_t index = run / length(level);
    if (index >= chunks.places.size() || chunks.places[index].references == 0) return std::nullopt;
    const std::size_t start = index == 0 ? 0 : chunks.places[index - 1].end;
    return Chunk{{chunks.uses.data() + start, chunks.places[index].end - start}, chunks.places[index].references};
}

}  // namespace fl::lab
