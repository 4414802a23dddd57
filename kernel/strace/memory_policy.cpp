// Memory policies, pages on nodes, membarrier(2); see memory.hpp.
#include "kernel/strace/memory.hpp"
#include "mm/errno.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace fl::kernel::strace {

namespace {

constexpr FlagName modes[] = {{0, "MPOL_DEFAULT"},    {1, "MPOL_PREFERRED"}, {2, "MPOL_BIND"},
                              {3, "MPOL_INTERLEAVE"}, {4, "MPOL_LOCAL"},     {5, "MPOL_PREFERRED_MANY"}};
constexpr FlagName mode_flags[] = {
    {0x8000, "MPOL_F_STATIC_NODES"}, {0x4000, "MPOL_F_RELATIVE_NODES"}, {0x2000, "MPOL_F_NUMA_BALANCING"}};
constexpr FlagName queries[] = {{1, "MPOL_F_NODE"}, {2, "MPOL_F_ADDR"}, {4, "MPOL_F_MEMS_ALLOWED"}};
constexpr FlagName moves[] = {{1, "MPOL_MF_STRICT"}, {2, "MPOL_MF_MOVE"}, {4, "MPOL_MF_MOVE_ALL"}};
constexpr FlagName barriers[] = {{0, "MEMBARRIER_CMD_QUERY"},
                                 {1, "MEMBARRIER_CMD_GLOBAL"},
                                 {2, "MEMBARRIER_CMD_GLOBAL_EXPEDITED"},
                                 {4, "MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED"},
                                 {8, "MEMBARRIER_CMD_PRIVATE_EXPEDITED"},
                                 {16, "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED"},
                                 {32, "MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE"},
                                 {64, "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE"},
                                 {128, "MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ"},
                                 {256, "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ"}};
constexpr Names mode_names{modes, "MPOL_???"};
constexpr Names mode_flag_names{mode_flags, nullptr};

// A word of 64 nodes each, with as many digits as the mask has bits to tell.
std::string mask_text(const Call& call, std::uint64_t address, std::uint64_t bit_count) {
    constexpr std::uint64_t word_bits = 64, max_bits = 1024;
    if (address == 0) return "NULL";
    const std::uint64_t bits = std::min(bit_count, max_bits);
    const std::uint64_t words = (bits + word_bits - 1) / word_bits;
    // printf("%#016lx"): the prefix counts, and zero has none.
    return array_text<std::uint64_t>(call, address, words, [](std::uint64_t word) {
        return word == 0 ? std::string(16, '0') : fmt::format("{:#016x}", word);
    });
}

}  // namespace

const Names policy_flag_names{mode_flags, "MPOL_F_???"};
const Names policy_query_names{queries, "MPOL_F_???"};
const Names policy_move_names{moves, "MPOL_MF_???"};
const Names barrier_names{barriers, "MEMBARRIER_CMD_???"};

std::string print_policy_mode(const Argument& a) {
    constexpr std::uint64_t flag_bits = 0xe000;
    const std::uint64_t flags = a.unsigned_value() & flag_bits;
    const std::string mode = value_text(mode_names, a.unsigned_value() & ~flag_bits);
    return flags == 0 ? mode : mode + "|" + flags_text(mode_flag_names, flags);
}

std::string print_policy_pointer(const Argument& a) {
    return pointed_to<std::int32_t>(a.call, a.value(), [](std::int32_t mode) {
        return "[" + value_text(mode_names, static_cast<std::uint32_t>(mode)) + "]";
    });
}

std::string print_node_mask(const Argument& a) { return mask_text(a.call, a.value(), a.neighbour(1)); }

std::string print_migrated_nodes(const Argument& a) { return mask_text(a.call, a.value(), a.call.arguments[1]); }

std::string print_page_addresses(const Argument& a) {
    return array_text<std::uint64_t>(a.call, a.value(), a.neighbour(-1), address_text);
}

std::string print_page_nodes(const Argument& a) {
    return array_text<std::int32_t>(a.call, a.value(), a.neighbour(-2),
                                    [](std::int32_t node) { return std::to_string(node); });
}

std::string print_page_status(const Argument& a) {
    return array_text<std::int32_t>(a.call, a.value(), a.neighbour(-3), [](std::int32_t status) {
        const bool is_error = status < 0 && status > -4096;
        return is_error ? "-" + std::string(errno_name(static_cast<Errno>(-status))) : std::to_string(status);
    });
}

std::string print_barrier_flags(const Argument& a) {
    static constexpr FlagName flags[] = {{1, "MEMBARRIER_CMD_FLAG_CPU"}};
    return flags_text({flags, "MEMBARRIER_CMD_FLAG_???"}, a.unsigned_value());
}

std::string print_barrier_processor(const Argument& a) {
    return static_cast<std::uint32_t>(a.neighbour(-1)) == 0 ? "" : std::to_string(a.int_value());
}

std::string barrier_result(const Call& call) {
    if (call.arguments[0] != 0 || call.value() == 0) return std::to_string(call.value());
    return fmt::format("{:#x} ({})", call.value(), flags_text(barrier_names, call.value()));
}

}  // namespace fl::kernel::strace
