// SlabAllocator: the caches of one machine, and kmalloc() over those of its size classes (Linux: mm/slab_common.c).
//
// Addresses are those of the direct map. Beyond the largest class kmalloc() takes whole blocks of the buddy allocator.
//
// Invariants: every frame of state `slab` belongs to a slab of a cache or to such a block; the counts of /proc/meminfo
// are sums over them.
#pragma once

#include "mm/slab/kernel_object.hpp"
#include "mm/slab/kmem_cache.hpp"

#include <memory>
#include <vector>

namespace fl::mm {

class SlabAllocator {
public:
    // On a machine with less RAM than this slabs are as small as they can be (as with slab_max_order=0).
    static constexpr PageCount small_machine{4096};
    static constexpr std::uint64_t max_class_bytes = 8192;       // KMALLOC_MAX_CACHE_SIZE
    static constexpr std::uint64_t max_bytes = page_size << 10;  // KMALLOC_MAX_SIZE

    // Becomes the memory's, which outlives it.
    explicit SlabAllocator(PhysicalMemory& memory, SlabChecks checks = SlabChecks::off);
    SlabAllocator(const SlabAllocator&) = delete;
    SlabAllocator& operator=(const SlabAllocator&) = delete;
    ~SlabAllocator();

    // kmem_cache_create(): for as long as the allocator lives. The names differ.
    KmemCache& create_cache(CacheOptions options);
    KmemCache& cache(KernelObject kind) { return *of_kind_[static_cast<std::size_t>(kind)]; }
    const KmemCache& cache(KernelObject kind) const { return *of_kind_[static_cast<std::size_t>(kind)]; }

    // kmalloc(): at least so many bytes, 8 bytes aligned, a power of two aligned to itself. ENOMEM, also for more than
    // max_bytes. 0 bytes are Linux's ZERO_SIZE_PTR, which may be freed.
    Result<VirtAddr> kmalloc(std::uint64_t size_bytes);
    Result<VirtAddr> kzalloc(std::uint64_t size_bytes);
    // Nothing happens to address 0.
    void kfree(VirtAddr object);
    // How many bytes of it may be used.
    std::uint64_t ksize(VirtAddr object) const;

    // The cache that serves so many bytes, from 1 to max_class_bytes.
    KmemCache& class_for(std::uint64_t size_bytes);

    // Empty slabs that are kept for the next object go. Returns how many frames went.
    PageCount shrink();

    const std::vector<std::unique_ptr<KmemCache>>& caches() const { return caches_; }
    PageCount reclaimable_page_count() const { return surroundings_.reclaimable; }
    PageCount unreclaimable_page_count() const { return surroundings_.unreclaimable; }
    // In use, of all caches, and blocks.
    std::uint64_t object_count() const;
    PageCount page_count() const { return surroundings_.reclaimable + surroundings_.unreclaimable; }
    // Blocks of kmalloc()'s beyond the largest class.
    std::uint64_t block_count() const { return block_count_; }

    std::optional<std::string> inconsistency() const;

    // What a bug of ours leads to: by default one line and the emulator's end. A handler for tests may throw.
    void set_bug_handler(std::function<void(const std::string&)> handler) { surroundings_.on_bug = std::move(handler); }
    // For tests: so many more objects can be had; nullopt switches it off.
    void fail_after(std::optional<std::uint64_t> successes) { surroundings_.successes_left = successes; }

private:
    Result<VirtAddr> allocate_whole_block(std::uint64_t size_bytes);
    const Slab* slab_of(VirtAddr object, const char* what) const;

    SlabSurroundings surroundings_;
    SlabChecks checks_;
    std::vector<std::unique_ptr<KmemCache>> caches_;
    std::vector<KmemCache*> of_kind_;
    std::vector<KmemCache*> classes_;  // by size, the odd ones between the powers of two
    std::uint64_t block_count_ = 0;
    PageCount block_pages_;
};

}  // namespace fl::mm
