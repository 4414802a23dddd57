#include "mm/slab/slab_allocator.hpp"

#include "mm/kernel_layout.hpp"
#include "mm/physical_memory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace fl::mm {

namespace {

constexpr VirtAddr zero_size_pointer{16};  // ZERO_SIZE_PTR

struct SizeClass {
    std::uint32_t bytes;
    const char* name;
};
// kmalloc_info
constexpr auto size_classes = std::to_array<SizeClass>({{8, "kmalloc-8"},
                                                        {16, "kmalloc-16"},
                                                        {32, "kmalloc-32"},
                                                        {64, "kmalloc-64"},
                                                        {96, "kmalloc-96"},
                                                        {128, "kmalloc-128"},
                                                        {192, "kmalloc-192"},
                                                        {256, "kmalloc-256"},
                                                        {512, "kmalloc-512"},
                                                        {1024, "kmalloc-1k"},
                                                        {2048, "kmalloc-2k"},
                                                        {4096, "kmalloc-4k"},
                                                        {8192, "kmalloc-8k"}});
static_assert(size_classes.back().bytes == SlabAllocator::max_class_bytes);

// kmalloc_size_index: which class serves so many bytes, in steps of eight up to 192.
constexpr std::uint64_t largest_odd_class = 192;
constexpr auto small_classes = [] {
    std::array<std::uint8_t, largest_odd_class / 8 + 1> index{};
    for (std::size_t step = 1; step < index.size(); ++step) {
        while (size_classes[index[step]].bytes < step * 8) ++index[step];
    }
    return index;
}();

}  // namespace

SlabAllocator::SlabAllocator(PhysicalMemory& memory, SlabChecks checks)
    : surroundings_{.memory = memory, .on_bug = {}}, checks_(checks) {
    FL_ASSERT(memory.slab() == nullptr);
    memory.set_slab(this);
    for (const SizeClass& size : size_classes) {
        const std::uint32_t align = std::has_single_bit(size.bytes) ? size.bytes : size.bytes & (~size.bytes + 1);
        classes_.push_back(&create_cache({.name = size.name, .object_bytes = size.bytes, .align = align}));
    }
    for (std::size_t i = 0; i < kernel_object_count; ++i) {
        const KernelObjectInfo& info = kernel_object_info(static_cast<KernelObject>(i));
        CacheOptions options{.name = info.name, .object_bytes = info.bytes, .align = info.align, .kind = info.kind};
        of_kind_.push_back(&create_cache(std::move(options)));
    }
}

SlabAllocator::~SlabAllocator() { surroundings_.memory.set_slab(nullptr); }

KmemCache& SlabAllocator::create_cache(CacheOptions options) {
    options.checks = checks_;
    if (surroundings_.memory.total_page_count() < small_machine) options.max_order = 0;
    return *caches_.emplace_back(std::make_unique<KmemCache>(surroundings_, std::move(options)));
}

KmemCache& SlabAllocator::class_for(std::uint64_t size_bytes) {
    if (size_bytes <= largest_odd_class) return *classes_[small_classes[(size_bytes + 7) / 8]];
    const auto order = static_cast<std::size_t>(std::bit_width(size_bytes - 1));  // of 256: 8
    return *classes_[order - 1];
}

Result<VirtAddr> SlabAllocator::kmalloc(std::uint64_t size_bytes) {
    if (size_bytes == 0) return zero_size_pointer;
    if (size_bytes > max_class_bytes) return allocate_whole_block(size_bytes);
    return class_for(size_bytes).allocate(static_cast<std::uint32_t>(size_bytes));
}

Result<VirtAddr> SlabAllocator::kzalloc(std::uint64_t size_bytes) {
    const auto object = kmalloc(size_bytes);
    if (object && size_bytes > 0) {
        std::memset(surroundings_.memory.ram().base() + physical_address(*object).value(), 0, size_bytes);
    }
    return object;
}

// ___kmalloc_large_node().
Result<VirtAddr> SlabAllocator::allocate_whole_block(std::uint64_t size_bytes) {
    if (size_bytes > max_bytes || !surroundings_.may_succeed()) return fail(Errno::enomem);
    PhysicalMemory& memory = surroundings_.memory;
    const auto order = static_cast<unsigned>(std::bit_width(PageCount::of_bytes(size_bytes).value() - 1));
    const auto first = memory.allocate_block(order, FrameState::slab, Fill::caller, BlockEffort::reclaim);
    if (!first) return fail(first.error());
    auto* block = new Slab{.first = *first, .order = order};
    for (std::uint64_t i = 0; i < block->page_count().value(); ++i) memory.frames().set_slab(*first + i, *block);
    surroundings_.unreclaimable += block->page_count();
    block_pages_ += block->page_count();
    ++block_count_;
    return direct_map_address(first->address());
}

// nullptr, with a complaint: kmalloc() did not give it out.
const Slab* SlabAllocator::slab_of(VirtAddr object, const char* what) const {
    const auto complain = [&](const char* why) {
        surroundings_.bug(fmt::format("kmalloc: {} of {:#x}, {}", what, object.value(), why));
        return nullptr;
    };
    if (!is_direct_map_address(object)) return complain("which is not in the direct map");
    const PhysicalMemory& memory = surroundings_.memory;
    const Pfn pfn = physical_address(object).pfn();
    if (pfn.value() >= memory.total_page_count().value()) return complain("which lies beyond RAM");
    const Frame& frame = memory.frames()[pfn];
    if (frame.state != FrameState::slab) return complain("which is in no slab");
    const Slab* slab = frame.slab();
    if (slab->cache == nullptr && object != direct_map_address(slab->first.address())) {
        return complain("which is not the start of its block");
    }
    return slab;
}

void SlabAllocator::kfree(VirtAddr object) {
    if (object == VirtAddr(0) || object == zero_size_pointer) return;
    const Slab* slab = slab_of(object, "free");
    if (slab == nullptr) return;
    if (slab->cache != nullptr) return slab->cache->free(object);
    surroundings_.unreclaimable -= slab->page_count();
    block_pages_ -= slab->page_count();
    --block_count_;
    surroundings_.memory.release_block(slab->first, slab->order);
    delete slab;
}

std::uint64_t SlabAllocator::ksize(VirtAddr object) const {
    if (object == VirtAddr(0) || object == zero_size_pointer) return 0;
    const Slab* slab = slab_of(object, "size");
    if (slab == nullptr) return 0;
    return slab->cache != nullptr ? slab->cache->usable_bytes(object) : slab->page_count().bytes();
}

std::uint64_t SlabAllocator::object_count() const {
    std::uint64_t count = block_count_;
    for (const auto& cache : caches_) count += cache->object_count();
    return count;
}

PageCount SlabAllocator::shrink() {
    PageCount freed;
    for (const auto& cache : caches_) freed += cache->shrink();
    return freed;
}

std::optional<std::string> SlabAllocator::inconsistency() const {
    PageCount reclaimable, unreclaimable = block_pages_;
    for (const auto& cache : caches_) {
        if (auto wrong = cache->inconsistency()) return wrong;
        (cache->kind() == SlabKind::reclaimable ? reclaimable : unreclaimable) += cache->page_count();
    }
    if (reclaimable != reclaimable_page_count() || unreclaimable != unreclaimable_page_count()) {
        return "slab: the counts of frames differ from a recount";
    }
    for (const KmemCache* cache : of_kind_) {
        if (cache->handle_count() != cache->object_count()) {
            return fmt::format("{}: {} objects in use, {} held", cache->name(), cache->object_count(),
                               cache->handle_count());
        }
    }
    const FrameTable& frames = surroundings_.memory.frames();
    std::uint64_t in_table = 0;
    for (std::uint64_t i = 0; i < frames.page_count().value(); ++i) {
        in_table += frames[Pfn(i)].state == FrameState::slab ? 1 : 0;
    }
    if (in_table != page_count().value()) {
        return fmt::format("slab: {} frames in caches and blocks, {} in the frame table", page_count().value(),
                           in_table);
    }
    return std::nullopt;
}

}  // namespace fl::mm
