#include "kernel/proc_fragmentation.hpp"

#include "kernel/proc_meminfo.hpp"
#include "kernel/system.hpp"
#include "kernel/written_number.hpp"
#include "mm/fragmentation.hpp"
#include "mm/print_to.hpp"
#include "mm/slab/kmem_cache.hpp"

#include <fmt/format.h>

#include <array>
#include <vector>

namespace fl::kernel {

namespace {

constexpr unsigned order_count = mm::BuddyAllocator::order_count;
constexpr std::uint64_t pageblock_frames = std::uint64_t{1} << mm::pageblock_order;

enum class MigrateType : std::uint8_t { unmovable, movable, reclaimable };
// migratetype_names, without CONFIG_CMA. Nothing is kept back for atomic allocations, and nothing is isolated for
// longer than compaction looks at it.
constexpr std::array<const char*, 5> type_names = {"Unmovable", "Movable", "Reclaimable", "HighAtomic", "Isolate"};
using CountByType = std::array<std::uint64_t, type_names.size()>;

// gfp_migratetype(), of the allocation that the frame came from; a free frame is nobody's.
MigrateType migrate_type(const mm::Frame& frame) {
    switch (frame.state) {
        case mm::FrameState::free:
        case mm::FrameState::anonymous:
        case mm::FrameState::file_cache:
        case mm::FrameState::shared_memory: return MigrateType::movable;
        case mm::FrameState::slab: {
            const mm::Slab* slab = frame.slab();
            const bool is_reclaimable =
                slab != nullptr && slab->cache != nullptr && slab->cache->kind() == mm::SlabKind::reclaimable;
            return is_reclaimable ? MigrateType::reclaimable : MigrateType::unmovable;
        }
        default: return MigrateType::unmovable;
    }
}

// The buddy allocator does not keep types apart, so that a pageblock's is that of the least willing page in it.
std::vector<MigrateType> pageblock_types(const mm::FrameTable& frames) {
    const std::uint64_t count = frames.page_count().value();
    std::vector<MigrateType> types((count + pageblock_frames - 1) / pageblock_frames, MigrateType::movable);
    for (std::uint64_t i = 0; i < count; ++i) {
        MigrateType& type = types[i / pageblock_frames];
        const MigrateType frames_type = migrate_type(frames[Pfn(i)]);
        if (frames_type == MigrateType::movable || type == MigrateType::unmovable) continue;
        type = frames_type;
    }
    return types;
}

std::array<CountByType, order_count> free_blocks_by_type(const mm::BuddyAllocator& buddy,
                                                         const std::vector<MigrateType>& types) {
    std::array<CountByType, order_count> counts{};
    for (unsigned order = 0; order < order_count; ++order) {
        for (const Pfn first : buddy.free_list(order)) {
            ++counts.at(order).at(static_cast<std::size_t>(types[first.value() / pageblock_frames]));
        }
    }
    return counts;
}

using Index = int (*)(const mm::BuddyAllocator& buddy, unsigned order);

std::string index_line(const mm::PhysicalMemory& memory, Index index, int width) {
    constexpr int one = 1000;
    std::string text = fmt::format(fmt::runtime(zone_line), zone_name) + " ";
    for (unsigned order = 0; order < order_count; ++order) {
        const int value = index(memory.buddy(), order);
        // Between 0 and -1 the sign is where Linux has it: " 0.-500".
        print_to(text, "{:>{}}.{:03} ", value / one, width, value % one);
    }
    return text + "\n";
}

// sysctl_compaction_handler()
Result<void> compact_memory(System& system, std::string_view written) {
    if (written_setting(written) != 1) return fail(Errno::einval);
    system.memory.compaction().compact_all();
    return {};
}

ProcGenerator number(int value) {
    return [value](const System&) -> Result<std::string> { return fmt::format("{}\n", value); };
}

}  // namespace

std::string proc_pagetypeinfo(const mm::PhysicalMemory& memory) {
    const std::vector<MigrateType> types = pageblock_types(memory.frames());
    const auto free_blocks = free_blocks_by_type(memory.buddy(), types);
    std::string text;
    print_to(text, "Page block order: {}\nPages per block:  {}\n\n", mm::pageblock_order, pageblock_frames);
    print_to(text, "{:<43} ", "Free pages count per migrate type at order");
    for (unsigned order = 0; order < order_count; ++order) print_to(text, "{:>6} ", order);
    text += '\n';
    for (std::size_t type = 0; type < type_names.size(); ++type) {
        print_to(text, "Node {:>4}, zone {:>8}, type {:>12} ", 0, zone_name, type_names.at(type));
        for (const CountByType& counts : free_blocks) print_to(text, "{:>6} ", counts.at(type));
        text += '\n';
    }
    CountByType pageblocks{};
    for (const MigrateType type : types) ++pageblocks.at(static_cast<std::size_t>(type));
    print_to(text, "\n{:<23}", "Number of blocks type ");
    for (const char* name : type_names) print_to(text, "{:>12} ", name);
    print_to(text, "\nNode {}, zone {:>8} ", 0, zone_name);
    for (const std::uint64_t count : pageblocks) print_to(text, "{:>12} ", count);
    return text + "\n";
}

std::string extfrag_index(const mm::PhysicalMemory& memory) { return index_line(memory, mm::fragmentation_index, 2); }

std::string unusable_index(const mm::PhysicalMemory& memory) { return index_line(memory, mm::unusable_free_index, 1); }

void add_fragmentation_files(ProcFs& proc) {
    constexpr mode_t owner_reads = 0400, owner_writes = 0200;
    proc.add_file(
        "pagetypeinfo", [](const System& system) -> Result<std::string> { return proc_pagetypeinfo(system.memory); },
        owner_reads);
    proc.add_sys_file("kernel/debug/extfrag/extfrag_index",
                      [](const System& system) -> Result<std::string> { return extfrag_index(system.memory); });
    proc.add_sys_file("kernel/debug/extfrag/unusable_index",
                      [](const System& system) -> Result<std::string> { return unusable_index(system.memory); });
    // Not even root reads it (sysctl_perm).
    proc.add_writable_file(
        "sys/vm/compact_memory", [](const System&) -> Result<std::string> { return fail(Errno::eacces); },
        compact_memory, owner_writes);
    proc.add_file("sys/vm/extfrag_threshold", number(mm::extfrag_threshold));
    // Locked pages move as well, and nobody compacts before a block is asked for.
    proc.add_file("sys/vm/compact_unevictable_allowed", number(1));
    proc.add_file("sys/vm/compaction_proactiveness", number(0));
}

}  // namespace fl::kernel
