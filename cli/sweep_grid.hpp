// What several configurations at once are written as: lists of policies and of numbers of frames. One grammar for every
// subcommand that takes them.
#pragma once

#include "mm/replacement/registry.hpp"

#include <tl/expected.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fl::cli {

struct NamedPolicy {
    // As parse_policy() takes it, in the one form that all ways to write it share: parameters in the policy's order,
    // those left out that have their default.
    std::string text;
    replacement::PolicyChoice choice;
};

// "clock,lru,clock,load=0": names with their parameters, which a comma separates as well; "all" stands for all that are
// built in. In the order given; those that mean the same are there once. The error is one line.
tl::expected<std::vector<NamedPolicy>, std::string> parse_policies(std::string_view list);

// "64,128", "16..256", "16..256+16", "16..4096x2", or a list of these; "all" is every number up to that of the pages
// there are. A factor may have fractions; it takes at least one frame more at each step.
class FrameGrid {
public:
    // Some numbers of frames are out of all proportion.
    static constexpr std::uint32_t most_frames = std::uint32_t{1} << 30U;
    static constexpr std::size_t most_sizes = std::size_t{1} << 22U;

    // The error is one line.
    static tl::expected<FrameGrid, std::string> parse(std::string_view text);

    // It asks for "all", which has to be told how many pages there are.
    bool needs_page_count() const { return is_all_; }
    // Ascending, each once.
    std::vector<std::uint32_t> sizes(std::uint64_t page_count) const;

private:
    bool is_all_ = false;
    std::vector<std::uint32_t> sizes_;
};

}  // namespace fl::cli
