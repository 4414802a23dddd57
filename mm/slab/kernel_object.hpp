// KernelObject: the kinds of Linux's own structures that objects of this kernel stand for, one cache each, with the
// names and sizes that /proc/slabinfo of Linux 6.18 shows on x86-64.
//
// The C++ objects themselves live in the emulator's memory. Each holds a SlabObject of its kind, so that the machine's
// memory is taken as it would be, and runs out where it would.
#pragma once

#include "mm/slab/kmem_cache.hpp"

namespace fl::mm {

enum class KernelObject : std::uint8_t {
    task_struct,
    pid,
    cred,
    signal_cache,
    sighand_cache,
    files_cache,
    fs_cache,
    mm_struct,
    vm_area_struct,
    anon_vma,
    anon_vma_chain,
    radix_tree_node,
    filp,
    dentry,
    inode_cache,
    shmem_inode_cache,
    sock_inode_cache,
    unix_sock,
    skbuff_head_cache,
};
inline constexpr std::size_t kernel_object_count = static_cast<std::size_t>(KernelObject::skbuff_head_cache) + 1;

struct KernelObjectInfo {
    const char* name;
    std::uint32_t bytes;
    std::uint32_t align;
    SlabKind kind;
};
const KernelObjectInfo& kernel_object_info(KernelObject kind);

// An object of this kind; of a machine that accounts for none it holds nothing. ENOMEM.
Result<SlabObject> new_kernel_object(PhysicalMemory& memory, KernelObject kind);
// The same of kmalloc()'s size classes; SlabAllocator::max_class_bytes at most.
Result<SlabObject> new_kmalloc_object(PhysicalMemory& memory, std::uint64_t size_bytes);

}  // namespace fl::mm
