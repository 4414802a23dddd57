// Memory policies, on a machine of one node (Linux: mm/mempolicy.c, mm/migrate.c): they are kept and told again, and
// every page lies on node 0 anyway.
#include "kernel/process_access.hpp"
#include "kernel/ptrace_access.hpp"
#include "kernel/syscalls.hpp"

#include <linux/mempolicy.h>

#include <algorithm>

namespace fl::kernel {

namespace {

constexpr std::uint32_t numa_balancing = 1U << 13;  // MPOL_F_NUMA_BALANCING
constexpr std::uint32_t mode_flags = MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES | numa_balancing;
constexpr std::uint32_t preferred_many = 5, weighted_interleave = 6, mode_count = 7;
constexpr std::uint64_t all_nodes = 1;
constexpr std::uint64_t max_node_bits = page_size * 8;
constexpr std::uint64_t node_count = 1024;  // MAX_NUMNODES

// get_nodes(): the mask's first word; what lies beyond MAX_NUMNODES has to be clear. EINVAL, EFAULT.
Result<std::uint64_t> read_nodes(System& system, std::uint64_t address, std::uint64_t max_node) {
    --max_node;
    if (max_node == 0 || address == 0) return 0;
    if (max_node > max_node_bits) return fail(Errno::einval);
    std::uint64_t first = 0;
    for (std::uint64_t bit = 0; bit < max_node; bit += 64) {
        const auto word = system.user().read<std::uint64_t>(VirtAddr(address) + bit / 8);
        if (!word) return fail(word.error());
        const std::uint64_t left = max_node - bit;
        const std::uint64_t bits = left < 64 ? *word & ((std::uint64_t{1} << left) - 1) : *word;
        if (bit == 0) first = bits;
        if (bit >= node_count && bits != 0) return fail(Errno::einval);
        // Nodes that the machine does not have count as well where the policy is made.
        if (bit > 0 && bit < node_count && bits != 0) first |= ~all_nodes;
    }
    return first;
}

// sanitize_mpol_flags() and mpol_new(). EINVAL.
Result<mm::MemoryPolicy> policy_of(std::uint64_t argument, std::uint64_t nodes) {
    const auto value = static_cast<std::uint32_t>(argument);
    const std::uint32_t flags = value & mode_flags, mode = value & ~mode_flags;
    if (mode >= mode_count) return fail(Errno::einval);
    const bool is_static = (flags & MPOL_F_STATIC_NODES) != 0, is_relative = (flags & MPOL_F_RELATIVE_NODES) != 0;
    if (is_static && is_relative) return fail(Errno::einval);
    if ((flags & numa_balancing) != 0 && mode != MPOL_BIND && mode != preferred_many) return fail(Errno::einval);
    if (mode == MPOL_DEFAULT) {
        if (nodes != 0) return fail(Errno::einval);
        return mm::MemoryPolicy{};
    }
    if (mode == MPOL_LOCAL || (mode == MPOL_PREFERRED && nodes == 0)) {
        if (nodes != 0 || is_static || is_relative) return fail(Errno::einval);
        return mm::MemoryPolicy{MPOL_LOCAL, 0};
    }
    if (nodes == 0) return fail(Errno::einval);
    // What is left of the mask on this machine; folded onto its nodes where it is relative.
    const std::uint64_t here = is_relative ? all_nodes : nodes & all_nodes;
    if (here == 0) return fail(Errno::einval);
    return mm::MemoryPolicy{mode | flags, is_static || is_relative ? nodes : here};
}

Result<mm::MemoryPolicy> read_policy(System& system, std::uint64_t mode, std::uint64_t address,
                                     std::uint64_t max_node) {
    const auto value = static_cast<std::uint32_t>(mode);
    const std::uint32_t known = value & ~mode_flags;
    if (known >= mode_count) return fail(Errno::einval);
    const auto nodes = read_nodes(system, address, max_node);
    if (!nodes) return fail(nodes.error());
    return policy_of(mode, *nodes);
}

// copy_nodes_to_user(). EINVAL where the program's mask has no room for all nodes.
Result<void> write_nodes(System& system, std::uint64_t address, std::uint64_t max_node, std::uint64_t nodes) {
    --max_node;
    const std::uint64_t size_bytes = (max_node + 63) / 64 * 8, known_bytes = node_count / 8;
    if (size_bytes > known_bytes && size_bytes > page_size) return fail(Errno::einval);
    for (std::uint64_t at = 0; at < size_bytes; at += 8) {
        const std::uint64_t word = at == 0 ? nodes : 0;
        if (auto done = system.user().write(VirtAddr(address) + at, word); !done) return done;
    }
    return {};
}

// The policy that counts at an address: the mapping's, else the task's.
Result<mm::MemoryPolicy> policy_at(const System& system, std::uint64_t address) {
    const mm::Vma* vma = system.task.mm->vmas().find(VirtAddr(address));
    if (vma == nullptr || vma->start() > VirtAddr(address)) return fail(Errno::efault);
    return vma->policy().mode != 0 ? vma->policy() : mm::MemoryPolicy{};
}

// do_get_mempolicy()'s first answer.
Result<std::uint32_t> mode_or_node(System& system, std::uint64_t flags, std::uint64_t address,
                                   const mm::MemoryPolicy& policy) {
    if ((flags & MPOL_F_NODE) == 0) return policy.mode;
    if ((flags & MPOL_F_ADDR) != 0) {
        // The page is brought in, to see where it is.
        if (auto read = system.user().read<std::uint8_t>(VirtAddr(address)); !read) return fail(read.error());
        return 0;
    }
    const std::uint32_t mode = policy.mode & ~mode_flags;
    if (mode != MPOL_INTERLEAVE && mode != weighted_interleave) return fail(Errno::einval);
    return 0;
}

}  // namespace

Result<std::uint64_t> sys_set_mempolicy(System& system, const Arguments& a) {
    const auto policy = read_policy(system, a[0], a[1], a[2]);
    if (!policy) return fail(policy.error());
    system.task.memory_policy = *policy;
    return 0;
}

Result<std::uint64_t> sys_get_mempolicy(System& system, const Arguments& a) {
    const std::uint64_t mode_place = a[0], nodes_place = a[1], max_node = a[2], address = a[3], flags = a[4];
    if (nodes_place != 0 && max_node < 1) return fail(Errno::einval);
    if ((flags & ~std::uint64_t{MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED}) != 0) return fail(Errno::einval);
    std::uint32_t mode = 0;
    std::uint64_t nodes = all_nodes;
    if ((flags & MPOL_F_MEMS_ALLOWED) != 0) {
        if ((flags & (MPOL_F_NODE | MPOL_F_ADDR)) != 0) return fail(Errno::einval);
    } else {
        if ((flags & MPOL_F_ADDR) == 0 && address != 0) return fail(Errno::einval);
        const auto policy = (flags & MPOL_F_ADDR) != 0 ? policy_at(system, address) : system.task.memory_policy;
        if (!policy) return fail(policy.error());
        const auto first = mode_or_node(system, flags, address, *policy);
        if (!first) return fail(first.error());
        mode = *first;
        nodes = policy->nodes;
    }
    if (auto done = write_optional(system, mode_place, mode); !done) return fail(done.error());
    if (nodes_place == 0) return 0;
    return answer(write_nodes(system, nodes_place, max_node, nodes));
}

Result<std::uint64_t> sys_mbind(System& system, const Arguments& a) {
    const VirtAddr start(a[0]);
    const std::uint64_t flags = a[5];
    constexpr std::uint64_t known = MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL;
    const std::uint32_t mode = static_cast<std::uint32_t>(a[2]) & ~mode_flags;
    if (mode >= mode_count) return fail(Errno::einval);
    const auto nodes = read_nodes(system, a[3], a[4]);
    if (!nodes) return fail(nodes.error());
    if ((flags & ~known) != 0) return fail(Errno::einval);
    if ((flags & MPOL_MF_MOVE_ALL) != 0 && !system.task.credentials.may(Capability::sys_nice)) {
        return fail(Errno::eperm);
    }
    if (!start.page_aligned()) return fail(Errno::einval);
    const auto end = start.checked_add((a[1] + page_mask) & ~page_mask);
    if (!end) return fail(Errno::einval);
    if (*end == start) return 0;
    const auto policy = policy_of(a[2], *nodes);
    if (!policy) return fail(policy.error());
    // queue_pages_range(): holes are no matter only where the policy is taken away.
    mm::MmStruct& mm = *system.task.mm;
    const VirtRange range{start, *end};
    const mm::Vma* vma = mm.vmas().find(start);
    if (vma == nullptr || vma->start() >= *end) return fail(Errno::efault);
    if (mode != MPOL_DEFAULT) {
        if (vma->start() > start) return fail(Errno::efault);
        for (; vma->end() < *end; vma = vma->next()) {
            if (vma->next() == nullptr || vma->next()->start() != vma->end()) return fail(Errno::efault);
        }
    }
    return answer(mm.set_policy(range, *policy));
}

Result<std::uint64_t> sys_set_mempolicy_home_node(System& system, const Arguments& a) {
    const VirtAddr start(a[0]);
    if (!start.page_aligned() || a[3] != 0) return fail(Errno::einval);
    // The one node, and it is online.
    if (a[2] >= node_count || a[2] != 0) return fail(Errno::einval);
    const auto end = start.checked_add((a[1] + page_mask) & ~page_mask);
    if (!end) return fail(Errno::einval);
    if (*end == start) return 0;
    Result<std::uint64_t> outcome = fail(Errno::enoent);
    const mm::Vma* vma = system.task.mm->vmas().find(start);
    for (; vma != nullptr && vma->start() < *end; vma = vma->next()) {
        // What has no policy has no home node either.
        if (vma->policy().mode == 0) continue;
        const std::uint32_t mode = vma->policy().mode & ~mode_flags;
        if (mode != MPOL_BIND && mode != preferred_many) return fail(Errno::eopnotsupp);
        outcome = 0;
    }
    return outcome;
}

namespace {

// do_pages_stat_array(): the page's node, or why there is none.
std::int32_t node_of_page(const mm::MmStruct& mm, VirtAddr address) {
    const auto failure = [](Errno error) { return -static_cast<std::int32_t>(error); };
    const mm::Vma* vma = address < mm::task_size ? mm.vmas().find(address) : nullptr;
    if (vma == nullptr || vma->start() > address) return failure(Errno::efault);
    const emu::Pte* slot = mm.page_table().find(address);
    if (slot == nullptr || !slot->is_resident()) return failure(Errno::enoent);
    return slot->pfn() == mm.memory().zero_page() ? failure(Errno::efault) : 0;
}

}  // namespace

// Where everything is on the only node there is nothing to move.
Result<std::uint64_t> sys_migrate_pages(System& system, const Arguments& a) {
    const auto from = read_nodes(system, a[2], a[1]);
    if (!from) return fail(from.error());
    const auto to = read_nodes(system, a[3], a[1]);
    if (!to) return fail(to.error());
    const std::int32_t pid = int_argument(a[0]);
    const Task* task = pid != 0 ? find_living_task(system, pid) : &system.task;
    if (task == nullptr) return fail(Errno::esrch);
    if (!may_ptrace(system.task, *task, PtraceMode::real)) return fail(Errno::eperm);
    if ((*to & ~all_nodes) != 0 && !system.task.credentials.may(Capability::sys_nice)) return fail(Errno::eperm);
    if ((*to & all_nodes) == 0) return fail(Errno::einval);
    return task->mm != nullptr ? Result<std::uint64_t>(0) : fail(Errno::einval);
}

// do_pages_move() and do_pages_stat().
Result<std::uint64_t> sys_move_pages(System& system, const Arguments& a) {
    const std::uint64_t count = a[1], pages = a[2], nodes = a[3], answers = a[4];
    const std::int32_t flags = int_argument(a[5]);
    if ((flags & ~(MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)) != 0) return fail(Errno::einval);
    if ((flags & MPOL_MF_MOVE_ALL) != 0 && !system.task.credentials.may(Capability::sys_nice)) {
        return fail(Errno::eperm);
    }
    const std::int32_t pid = int_argument(a[0]);
    const auto space = access_space(system, pid != 0 ? find_living_task(system, pid) : &system.task);
    if (!space) return fail(space.error());
    const mm::MmStruct& mm = space->mm();
    for (std::uint64_t i = 0; i < count; ++i) {
        const auto page = system.user().read<std::uint64_t>(VirtAddr(pages) + i * sizeof(std::uint64_t));
        if (!page) return fail(page.error());
        if (nodes != 0) {
            const auto node = system.user().read<std::int32_t>(VirtAddr(nodes) + i * sizeof(std::int32_t));
            if (!node) return fail(node.error());
            if (*node != 0) return fail(Errno::enodev);
        }
        const std::int32_t where = node_of_page(mm, VirtAddr(*page));
        const VirtAddr place = VirtAddr(answers) + i * sizeof(std::int32_t);
        if (auto done = system.user().write(place, where); !done) return fail(done.error());
    }
    return 0;
}

}  // namespace fl::kernel
