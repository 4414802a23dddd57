// Memory: the process's address space (Linux: mm/mmap.c, mm/mprotect.c). The work is MmStruct's.
#include "kernel/mapping_changes.hpp"
#include "kernel/syscalls.hpp"

namespace fl::kernel {

namespace {

constexpr std::uint64_t map_hugetlb = 0x4'0000;
constexpr unsigned map_huge_shift = 26;
constexpr std::uint64_t map_nonblock = 0x1'0000;

// No huge pages are reserved, so that a mapping of them finds none; the sizes are those that x86-64 knows.
Errno refuse_huge_pages(std::uint64_t flags) {
    const std::uint64_t size_log2 = flags >> map_huge_shift & 0x3f;
    const bool known = size_log2 == 0 || size_log2 == 21 || size_log2 == 30;
    return known ? Errno::enomem : Errno::einval;
}

// What cannot be mapped: what is checked before that comes first (do_mmap).
Errno refuse_unmappable(const FileDescription& file, const Arguments& a) {
    const std::uint64_t length_bytes = a[1], prot = a[2], flags = a[3];
    if (length_bytes == 0) return Errno::einval;
    if (length_bytes > mm::task_size.value()) return Errno::enomem;
    const std::uint64_t type = flags & mm::map_type_mask;
    if (type != mm::map_private && type != mm::map_shared && type != mm::map_shared_validate) return Errno::einval;
    const bool writes_through = type != mm::map_private && (prot & mm::prot_write) != 0;
    if (!file.is_readable() || (writes_through && !file.is_writable())) return Errno::eacces;
    return Errno::enodev;
}

bool is_shared_type(std::uint64_t flags) { return (flags & mm::map_type_mask) != mm::map_private; }

// Takes what the descriptor in a[4] stands for into the request: a file with the rights it was opened with, or for
// /dev/zero anonymous memory. EBADF, EINVAL, EACCES, ENODEV.
Result<void> take_file(System& system, const Arguments& a, mm::MapRequest& request) {
    const auto file = system.task.files->find(a[4]);
    if (!file) return fail(file.error());
    if ((request.flags & map_hugetlb) != 0) return fail(Errno::einval);
    const auto mappable = (*file)->mappable(system);
    if (!mappable) return fail(mappable.error() == Errno::enodev ? refuse_unmappable(**file, a) : mappable.error());
    request.file_access = {
        .readable = (*file)->is_readable(), .writable = (*file)->is_writable(), .write_sealed = mappable->write_sealed};
    request.file = mappable->file;
    if (request.file == nullptr) {
        const bool writes_through = is_shared_type(request.flags) && (request.prot & mm::prot_write) != 0;
        if (!(*file)->is_readable() || (writes_through && !(*file)->is_writable())) return fail(Errno::eacces);
    }
    return {};
}

// personality(2) with READ_IMPLIES_EXEC: old programs run code in what they may read.
bool implies_execution(const System& system) { return (system.task.personality & Task::read_implies_exec) != 0; }

std::uint64_t effective_protection(const System& system, std::uint64_t prot) {
    return implies_execution(system) && (prot & mm::prot_read) != 0 ? prot | mm::prot_exec : prot;
}

// What cannot be brought in now comes, or fails, when it is touched (mm_populate).
void populate_quietly(System& system, VirtRange range) {
    (void)system.user().populate(range, mm::UserMemory::Failures::pass_over);
}

// The pages of a range as system calls give it; empty where it is none.
VirtRange pages_at(std::uint64_t start, std::uint64_t length_bytes) {
    const auto end = VirtAddr(start).checked_add(length_bytes);
    if (!end || *end > mm::task_size) return VirtRange{VirtAddr(start), VirtAddr(start)};
    return VirtRange{VirtAddr(start), end->page_ceil()};
}

// mremap(2) made another mapping of the same pages, or left the range behind empty.
bool keeps_old_range(const Arguments& a) { return a[1] == 0 || (a[3] & mm::mremap_dontunmap) != 0; }

}  // namespace

Result<std::uint64_t> sys_brk(System& system, const Arguments& a) {
    mm::MmStruct& mm = *system.task.mm;
    const VirtAddr before = mm.brk();
    const bool shrinks = a[0] < before.value();
    const VirtAddr wanted_end = shrinks ? VirtAddr(a[0]).page_ceil() : before.page_ceil();
    const MappedParts freed(mm, VirtRange{wanted_end, before.page_ceil()});
    // VM_DATA_FLAGS_TSK_EXEC
    const VirtAddr after = mm.set_brk(VirtAddr(a[0]), implies_execution(system) ? mm::vm_exec : mm::VmFlags());
    if (after < before) note_unmapped(system, "brk", freed);
    note_mapped(system, "brk", VirtRange{before.page_ceil(), after.page_ceil()}, mm::prot_read | mm::prot_write);
    if (after > before && mm.def_flags().has(mm::vm_locked)) {
        populate_quietly(system, VirtRange{before.page_ceil(), after.page_ceil()});
    }
    return after.value();
}

Result<std::uint64_t> sys_mmap(System& system, const Arguments& a) {
    const std::uint64_t flags = a[3], offset = a[5];
    if ((offset & page_mask) != 0) return fail(Errno::einval);
    mm::MapRequest request;
    request.hint = VirtAddr(a[0]);
    request.length_bytes = a[1];
    request.prot = effective_protection(system, a[2]);
    request.flags = flags;
    request.pgoff = offset >> page_shift;
    if ((flags & mm::map_anonymous) == 0) {
        if (auto taken = take_file(system, a, request); !taken) return fail(taken.error());
    } else if ((flags & map_hugetlb) != 0) {
        return fail(refuse_huge_pages(flags));
    }
    const auto start = system.task.mm->map(request);
    if (!start) return fail(start.error());
    note_mapped(system, "mmap", VirtRange{*start, *start + PageCount::of_bytes(a[1]).bytes()}, request.prot);
    const bool locked = (flags & mm::map_locked) != 0 || system.task.mm->def_flags().has(mm::vm_locked);
    if (locked || (flags & (mm::map_populate | map_nonblock)) == mm::map_populate) {
        populate_quietly(system, VirtRange{*start, *start + PageCount::of_bytes(a[1]).bytes()});
    }
    return start->value();
}

Result<std::uint64_t> sys_munmap(System& system, const Arguments& a) {
    mm::MmStruct& mm = *system.task.mm;
    const MappedParts parts(mm, pages_at(a[0], a[1]));
    const auto unmapped = mm.unmap(VirtAddr(a[0]), a[1]);
    if (unmapped) note_unmapped(system, "munmap", parts);
    return answer(unmapped);
}

Result<std::uint64_t> sys_mprotect(System& system, const Arguments& a) {
    const auto populate = [&system](VirtRange range) { populate_quietly(system, range); };
    const std::uint64_t prot = effective_protection(system, a[2]);
    const auto done = system.task.mm->protect(VirtAddr(a[0]), a[1], prot, populate);
    if (done) note_protected(system, "mprotect", pages_at(a[0], a[1]), prot);
    return answer(done);
}

Result<std::uint64_t> sys_mremap(System& system, const Arguments& a) {
    const auto remapped = system.task.mm->remap(mm::RemapRequest{
        .address = VirtAddr(a[0]), .old_bytes = a[1], .new_bytes = a[2], .flags = a[3], .new_address = VirtAddr(a[4])});
    if (!remapped) return fail(remapped.error());
    const VirtRange now = pages_at(remapped->start.value(), a[2]);
    if (keeps_old_range(a)) {
        note_mapped(system, "mremap", now, 0);
    } else {
        note_remapped(system, pages_at(a[0], a[1]), now);
    }
    populate_quietly(system, remapped->to_populate);
    return remapped->start.value();
}

Result<std::uint64_t> sys_remap_file_pages(System& system, const Arguments& a) {
    const std::uint64_t read_implies = implies_execution(system) ? mm::prot_exec : 0;
    const auto remapped = system.task.mm->remap_file_pages(VirtAddr(a[0]), a[1], a[2], a[3], read_implies);
    if (!remapped) return fail(remapped.error());
    const mm::Vma* vma = system.task.mm->vmas().find(remapped->start);
    if ((a[4] & map_nonblock) == 0 || vma->flags().has(mm::vm_locked)) {
        populate_quietly(system, remapped->to_populate);
    }
    return 0;
}

}  // namespace fl::kernel
