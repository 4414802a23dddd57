#include "mm/slab/kernel_object.hpp"

#include "mm/physical_memory.hpp"
#include "mm/slab/slab_allocator.hpp"

#include <array>

namespace fl::mm {

namespace {

constexpr std::uint32_t word = 8, line = 64;

constexpr std::array<KernelObjectInfo, kernel_object_count> objects{{
    {"task_struct", 4288, line, SlabKind::unreclaimable},
    {"pid", 192, line, SlabKind::unreclaimable},
    {"cred", 192, line, SlabKind::unreclaimable},
    {"signal_cache", 1152, line, SlabKind::unreclaimable},
    {"sighand_cache", 2112, line, SlabKind::unreclaimable},
    {"files_cache", 704, line, SlabKind::unreclaimable},
    {"fs_cache", 64, line, SlabKind::unreclaimable},
    {"mm_struct", 1600, line, SlabKind::unreclaimable},
    {"vm_area_struct", 192, line, SlabKind::unreclaimable},
    {"anon_vma", 104, word, SlabKind::unreclaimable},
    {"anon_vma_chain", 64, word, SlabKind::unreclaimable},
    {"radix_tree_node", 584, word, SlabKind::reclaimable},
    {"filp", 192, line, SlabKind::unreclaimable},
    {"dentry", 192, word, SlabKind::reclaimable},
    {"inode_cache", 624, word, SlabKind::reclaimable},
    {"shmem_inode_cache", 752, word, SlabKind::unreclaimable},
    {"sock_inode_cache", 832, line, SlabKind::reclaimable},
    {"UNIX", 1088, line, SlabKind::unreclaimable},
    {"skbuff_head_cache", 256, line, SlabKind::unreclaimable},
}};

}  // namespace

const KernelObjectInfo& kernel_object_info(KernelObject kind) { return objects[static_cast<std::size_t>(kind)]; }

Result<SlabObject> new_kernel_object(PhysicalMemory& memory, KernelObject kind) {
    SlabAllocator* slab = memory.slab();
    return slab != nullptr ? SlabObject::from(slab->cache(kind)) : SlabObject();
}

Result<SlabObject> new_kmalloc_object(PhysicalMemory& memory, std::uint64_t size_bytes) {
    SlabAllocator* slab = memory.slab();
    if (slab == nullptr || size_bytes == 0) return SlabObject();
    return SlabObject::from(slab->class_for(size_bytes), static_cast<std::uint32_t>(size_bytes));
}

}  // namespace fl::mm
