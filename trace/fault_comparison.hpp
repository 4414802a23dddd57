// Two lists of page faults of one program, the host's and ours, laid side by side.
#pragma once

#include "trace/user_fault.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace fl::trace {

// Where [vvar] to [vdso] lie, as /proc/PID/maps says. Kernels differ in how large the block is, and all that is mapped
// later lies below it.
struct VdsoBlock {
    VirtRange data{};   // [vvar] and [vvar_vclock]
    VirtRange image{};  // [vdso]
    std::uint64_t size_bytes() const { return image.end - data.start; }
};

// nullopt where the text shows no such block.
std::optional<VdsoBlock> find_vdso_block(const std::string& maps);

// Moves addresses from the layout around `from` to the one around `to`: inside the block by its parts, below it, as far
// as the mmap area reaches, by the difference of the blocks' sizes.
VirtAddr move_between_layouts(VirtAddr address, const VdsoBlock& from, const VdsoBlock& to);

// A row of the table: a fault that both took, or one that only one of them did. Indices into the lists.
struct ComparedRow {
    std::optional<std::size_t> native;
    std::optional<std::size_t> emulated;
    bool equal() const { return native && emulated; }
};

// Rows in the order of both lists, with as many equal ones as there can be (or, of very long and very different lists,
// without any attempt at that between their common beginning and end). Faults are equal when instruction and address
// are; two instructions inside of the block's image count as equal, and two addresses in one page of its data: each
// kernel has its own code there, and its own layout.
std::vector<ComparedRow> compare_faults(std::span<const UserFault> native, std::span<const UserFault> emulated,
                                        const VdsoBlock& block);

}  // namespace fl::trace
