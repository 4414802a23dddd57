// inspect.hpp: free memory as the buddy allocator keeps it.
#include "kernel/inspect.hpp"
#include "kernel/inspect_data.hpp"
#include "mm/fragmentation.hpp"
#include "mm/print_to.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace fl::kernel {

namespace {

constexpr unsigned order_count = mm::BuddyAllocator::order_count;

std::string size_text(unsigned order) {
    const std::uint64_t kib = (page_size << order) >> 10;
    return kib < 1024 ? fmt::format("{}K", kib) : fmt::format("{}M", kib >> 10);
}

// Blocks that touch are one range; as many to a line as fit behind the columns.
void add_blocks(std::string& text, const std::vector<Pfn>& blocks, unsigned order) {
    constexpr std::size_t width = 118, indent = 45;
    std::size_t column = indent;
    const std::uint64_t pages = 1ULL << order;
    for (std::size_t i = 0; i < blocks.size();) {
        const std::uint64_t first = blocks[i].value();
        std::uint64_t end = first;
        for (; i < blocks.size() && blocks[i].value() == end; ++i) end += pages;
        const std::string block = frames_text(first, end - 1);
        if (column + 1 + block.size() > width) {
            end_line(text);
            text.append(indent, ' ');
            column = indent;
        }
        text += ' ' + block;
        column += 1 + block.size();
    }
    end_line(text);
}

}  // namespace

FreeBlocks free_blocks(const mm::BuddyAllocator& buddy) {
    FreeBlocks blocks;
    for (unsigned order = 0; order < order_count; ++order) {
        blocks.at(order) = buddy.free_list(order);
        std::ranges::sort(blocks.at(order));
    }
    return blocks;
}

std::uint64_t longest_free_run(const mm::FrameTable& frames) {
    std::uint64_t longest = 0, run = 0;
    for (std::uint64_t i = 0; i < frames.page_count().value(); ++i) {
        run = frames[Pfn(i)].state == mm::FrameState::free ? run + 1 : 0;
        longest = std::max(longest, run);
    }
    return longest;
}

// The columns unusable and extfrag are the indices of mm/fragmentation.hpp.
std::string show_buddy(const mm::PhysicalMemory& memory) {
    const std::uint64_t free = memory.buddy().free_page_count().value();
    const auto blocks = free_blocks(memory.buddy());
    std::string text;
    print_to(text, "buddy: {} frames, {} free\n", memory.buddy().managed_page_count().value(), free);
    print_to(text, "  {:>5} {:>6} {:>7} {:>7} {:>8} {:>7}  {}\n", "order", "block", "free", "pages", "unusable",
             "extfrag", "blocks");
    constexpr double one = 1000;
    std::uint64_t block_count = 0;
    for (unsigned order = 0; order < order_count; ++order) {
        print_to(text, "  {:>5} {:>6} {:>7} {:>7} {:>8.3f} {:>7.3f} ", order, size_text(order), blocks.at(order).size(),
                 blocks.at(order).size() << order, mm::unusable_free_index(memory.buddy(), order) / one,
                 mm::fragmentation_index(memory.buddy(), order) / one);
        add_blocks(text, blocks.at(order), order);
        block_count += blocks.at(order).size();
    }
    print_to(text, "  {} in {}; the longest run of free frames is {}\n", counted(free, "free frame"),
             counted(block_count, "block"), longest_free_run(memory.frames()));
    return text;
}

}  // namespace fl::kernel
