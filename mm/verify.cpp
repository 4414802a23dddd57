#include "mm/verify.hpp"

#include "mm/kernel_space.hpp"
#include "mm/reclaimer.hpp"
#include "mm/slab/slab_allocator.hpp"

#include <fmt/format.h>

#include <cstring>
#include <map>
#include <unordered_map>
#include <unordered_set>

namespace fl::mm {

using emu::Pte;

namespace {

// What the page tables and page caches say of one frame.
struct FrameUse {
    std::uint32_t mappings = 0;    // PTEs of all address spaces
    std::uint32_t references = 0;  // PTEs, page caches, tables
    const Pte* entry = nullptr;    // the last one seen
    std::uint32_t large = 0;       // entries of large pages that begin there
};

class Verifier {
public:
    Verifier(const PhysicalMemory& memory, std::span<const MmStruct* const> mms,
             std::span<const std::shared_ptr<File>> files)
        : memory_(memory), mms_(mms), files_(files) {}

    std::vector<std::string> run() {
        for (const auto& file : files_) check_file(*file);
        for (const MmStruct* mm : mms_) check_mm(*mm);
        check_kernel_space();
        check_frames();
        check_swap();
        check_slab();
        if (const auto wrong = memory_.buddy().inconsistency()) wrong_.push_back(*wrong);
        return std::move(wrong_);
    }

private:
    template <class... Args>
    void complain(fmt::format_string<Args...> format, Args&&... args) {
        wrong_.push_back(fmt::format(format, std::forward<Args>(args)...));
    }

    void check_file(const File& file) {
        nodes_ += file.nodes().node_count();
        if (const auto wrong = file.i_mmap().inconsistency()) complain("file {}: {}", file.id(), *wrong);
        for (const auto& [index, pfn] : file.cached_pages()) {
            if (index >= file.page_count().value() && file.cached(index)) {
                complain("file {}: a page past its end is cached", file.id());
            }
            const Frame& frame = memory_.frames()[pfn];
            const FrameState wanted =
                file.kind() == FileKind::shared_memory ? FrameState::shared_memory : FrameState::file_cache;
            if (frame.state != wanted) complain("frame {}: cached by a file, in another state", pfn.value());
            if (frame.anchor.owner() != &file || frame.anchor.index() != index) {
                complain("frame {}: anchor does not name page {} of file {}", pfn.value(), index, file.id());
            }
            ++use_[pfn].references;
            check_number(pfn, file.kind() != FileKind::memory);
        }
        for (const auto& [index, slot] : file.swapped_pages()) {
            if (file.cached_pages().contains(index))
                complain("file {}: page {} is cached and in swap", file.id(), index);
            ++slots_[slot];
        }
    }

    // Every page that may leave has a number, if there is somebody to number it.
    void check_number(Pfn pfn, bool is_pageable) {
        const Reclaimer* reclaimer = memory_.reclaimer();
        if (reclaimer == nullptr) return;
        if (reclaimer->knows(pfn) != is_pageable) complain("frame {}: its number is not its own", pfn.value());
    }

    void check_swap() {
        const Reclaimer* reclaimer = memory_.reclaimer();
        if (reclaimer == nullptr) return;
        if (const auto wrong = reclaimer->inconsistency()) complain("{}", *wrong);
        PageCount locked;
        for (const MmStruct* mm : mms_) locked += mm->vm().locked;
        if (locked != memory_.locked_page_count()) complain("locked pages differ from a recount");
        const SwapDevice* swap = reclaimer->swap();
        if (swap == nullptr) return;
        std::uint64_t used = 0;
        swap->for_each_used([&](SwapSlot slot) {
            ++used;
            const auto found = slots_.find(slot);
            const std::uint32_t references = found != slots_.end() ? found->second : 0;
            if (swap->references(slot) != references) {
                complain("slot {}: {} references, a scan finds {}", slot.value(), swap->references(slot), references);
            }
            if (references == 0 && !swap->frame(slot)) complain("slot {}: leaked", slot.value());
        });
        if (used != swap->used_slot_count().value()) complain("swap: used slots differ from a recount");
    }

    // The kernel half: once, whoever shares it.
    void check_kernel_space() {
        const KernelSpace* space = memory_.kernel_space();
        if (space == nullptr) return;
        for (std::string& wrong : space->inconsistencies()) wrong_.push_back(std::move(wrong));
        space->for_each_table([&](Pfn table, unsigned, VirtRange) {
            if (++use_[table].references > 1) complain("frame {}: a page table reached twice", table.value());
        });
        for (const auto& [start, area] : space->vmalloc().areas()) {
            for (VirtAddr page = start; page < start + area.pages.bytes(); page = page + page_size) {
                if (const auto at = space->translate(page)) ++use_[at->pfn()].references;
            }
        }
        for (const MmStruct* mm : mms_) {
            if (!space->is_shared_with(mm->page_table().root())) complain("mm {}: another kernel half", mm->id());
        }
    }

    void check_slab() {
        const SlabAllocator* slab = memory_.slab();
        if (slab == nullptr) return;
        if (const auto wrong = slab->inconsistency()) complain("{}", *wrong);
        recount(KernelObject::mm_struct, mms_.size());
        recount(KernelObject::vm_area_struct, vmas_);
        recount(KernelObject::anon_vma_chain, chains_);
        recount(KernelObject::anon_vma, families_.size());
        recount(KernelObject::radix_tree_node, nodes_);
    }

    void recount(KernelObject kind, std::uint64_t found) {
        const KmemCache& cache = memory_.slab()->cache(kind);
        if (cache.object_count() == found) return;
        complain("{}: {} objects in use, a scan finds {}", cache.name(), cache.object_count(), found);
    }

    void check_mm(const MmStruct& mm) {
        if (const auto wrong = mm.vmas().inconsistency()) wrong_.push_back(*wrong);
        VmCounters vm;
        RssCounters rss;
        PageCount swapped;
        const Vma* previous = nullptr;
        for (const Vma* vma = mm.vmas().first(); vma != nullptr; previous = vma, vma = vma->next()) {
            check_vma(mm, previous, *vma);
            count_vma(*vma, vm);
            mm.page_table().for_each_entry(vma->range(), [&](VirtAddr at, const Pte& pte) {
                if (pte.is_large()) return check_large(mm, *vma, at, pte, rss);
                check_pte(mm, *vma, at, pte, &pte, rss);
                if (pte.is_swapped()) swapped += PageCount(1);
            });
        }
        vm.locked += mm.locked_left_behind();
        if (!(vm == mm.vm())) complain("mm {}: virtual size counters differ from a recount", mm.id());
        if (!(rss == mm.rss())) complain("mm {}: resident set counters differ from a recount", mm.id());
        if (swapped != mm.swap_entries()) complain("mm {}: swap entries differ from a recount", mm.id());
        check_tables(mm);
    }

    // A heap does not join the bss below it, nor a stack that grew what it grew down to, by design; every other pair
    // that could be one VMA should be, or be known to be left apart.
    void check_vma(const MmStruct& mm, const Vma* previous, const Vma& vma) {
        if (!vma.lies_in(mm)) complain("vma {:#x}: belongs to another mm", vma.start().value());
        vmas_ += vma.is_accounted() ? 1 : 0;
        for (const AnonVmaLink& link : vma.anon_vma_chain()) {
            if (const auto wrong = link.anon_vma->vmas().inconsistency()) complain("{}", *wrong);
            chains_ += link.object ? 1 : 0;
            for (const AnonVma* family = link.anon_vma.get(); family != nullptr; family = family->parent()) {
                if (family->is_accounted()) families_.insert(family);
            }
        }
        if (vma.flags().has_any(vm_uffd_flags) != (vma.userfault() != nullptr)) {
            complain("vma {:#x}: its userfaultfd and its flags disagree", vma.start().value());
        }
        if (vma.userfault() != nullptr) {
            const auto [owner, is_first] = contexts_.try_emplace(vma.userfault().get(), &mm);
            if (owner->second != &mm) {
                complain("vma {:#x}: its userfaultfd is another address space's", vma.start().value());
            }
        }
        if (vma.end() > task_size) complain("vma {:#x}: beyond the user half", vma.start().value());
        const bool joins_below = vma.start() != mm.start_brk() && !vma.flags().has(vm_growsdown);
        if (previous != nullptr && joins_below && !vma.is_left_apart() && can_merge(*previous, vma)) {
            complain("vma {:#x}: could be merged with the one below", vma.start().value());
        }
    }

    static void count_vma(const Vma& vma, VmCounters& vm) {
        const VmFlags flags = vma.flags();
        const PageCount pages = vma.page_count();
        vm.total += pages;
        if (flags.has(vm_locked)) vm.locked += pages;
        const bool stack = flags.has(vm_growsdown);
        const bool write = flags.has(vm_write);
        if (stack) vm.stack += pages;
        if (!stack && !write && flags.has(vm_exec)) vm.exec += pages;
        if (!stack && write && !flags.has(vm_shared)) vm.data += pages;
    }

    void check_swapped(const Vma& vma, VirtAddr at, Pte pte) {
        const Reclaimer* reclaimer = memory_.reclaimer();
        if (reclaimer == nullptr || reclaimer->swap() == nullptr) {
            return complain("pte {:#x}: {:#x} names a swap slot, and there is no swap", at.value(), pte.raw());
        }
        if (vma.anon_vma() == nullptr) complain("vma {:#x}: private pages without anon_vma", vma.start().value());
        ++slots_[pte.slot()];
        if (pte.is_exclusive() && reclaimer->swap()->references(pte.slot()) != 1) {
            complain("pte {:#x}: its slot is not its alone", at.value());
        }
    }

    void check_large(const MmStruct& mm, const Vma& vma, VirtAddr at, const Pte& large, RssCounters& rss) {
        const std::uint64_t first = large.pfn().value();
        const bool is_inside = at >= vma.start() && at + huge_page_bytes <= vma.end();
        if (!is_inside || !vma.is_anonymous() || !huge_page_aligned(at)) {
            return complain("pmd {:#x}: a large page where none may be", at.value());
        }
        if (first % emu::large_page_frames != 0 ||
            first + emu::large_page_frames > memory_.total_page_count().value()) {
            return complain("pmd {:#x}: frame {} begins no large page", at.value(), first);
        }
        ++use_[large.pfn()].large;
        ++large_entries_[&mm];
        const bool exclusive = memory_.frames()[large.pfn()].anon_exclusive;
        for (std::uint64_t i = 0; i < emu::large_page_frames; ++i) {
            const Frame& frame = memory_.frames()[large.pfn() + i];
            if (frame.state != FrameState::anonymous || frame.slot != 0 || frame.anon_exclusive != exclusive) {
                complain("frame {}: not as a part of a large page", first + i);
            }
            check_pte(mm, vma, at + i * page_size, large.small(i), &large, rss);
        }
    }

    // What nobody is known to have stored to is not cleared for the next one.
    void check_untouched(Pfn pfn) {
        const emu::Ram& ram = memory_.ram();
        if (ram.written_frames().may_hold_bytes(pfn)) return;
        const auto bytes = ram.frame(pfn);
        const bool all_zero =
            bytes.front() == std::byte{} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
        if (!all_zero) complain("frame {}: holds bytes, and nobody has stored to it", pfn.value());
    }

    // `entry`: where the page is mapped from, which is larger than `pte` for a large page.
    void check_pte(const MmStruct& mm, const Vma& vma, VirtAddr at, Pte pte, const Pte* entry, RssCounters& rss) {
        ++ptes_[&mm];
        if (pte.is_write_protected() && !vma.flags().has(vm_uffd_wp)) {
            complain("pte {:#x}: protected for a userfaultfd that its range does not have", at.value());
        }
        if (pte.is_marker()) {
            if (!vma.is_anonymous() && vma.file() == nullptr)
                complain("pte {:#x}: a marker in a kernel range", at.value());
            return;
        }
        if (pte.is_swapped()) return check_swapped(vma, at, pte);
        if (pte.pfn().value() >= memory_.total_page_count().value()) {
            return complain("pte {:#x}: frame {} lies beyond RAM", at.value(), pte.pfn().value());
        }
        const Frame& frame = memory_.frames()[pte.pfn()];
        check_rights(vma, at, pte, frame);
        if (pte.pfn() == memory_.zero_page()) {
            if (pte.writable()) complain("pte {:#x}: the zero page is writable", at.value());
            return;
        }
        if (!memory_.counts_mappings(pte.pfn())) return check_special(vma, at, pte);
        ++use_[pte.pfn()].mappings;
        ++use_[pte.pfn()].references;
        use_[pte.pfn()].entry = entry;
        // Nothing leads back from a special page: it is never taken away from who maps it.
        if (frame.state != FrameState::special) check_rmap(vma, at, pte);
        switch (frame.state) {
            case FrameState::anonymous:
                rss.anonymous += PageCount(1);
                check_number(pte.pfn(), true);
                check_untouched(pte.pfn());
                if (vma.anon_vma() == nullptr)
                    complain("vma {:#x}: private pages without anon_vma", vma.start().value());
                break;
            case FrameState::file_cache:
            case FrameState::shared_memory:
                (frame.state == FrameState::file_cache ? rss.file : rss.shared_memory) += PageCount(1);
                if (vma.file() == nullptr || frame.anchor.owner() != vma.file() ||
                    frame.anchor.index() != vma.page_index(at)) {
                    complain("pte {:#x}: maps another page than the file's", at.value());
                }
                break;
            case FrameState::special:
                rss.file += PageCount(1);
                check_special(vma, at, pte);
                break;
            default: complain("pte {:#x}: frame {} is no user page", at.value(), pte.pfn().value());
        }
    }

    // The way back from the frame finds this entry; that it finds no more follows from the map count.
    void check_rmap(const Vma& vma, VirtAddr at, Pte pte) {
        const RmapAnchor& anchor = memory_.frames()[pte.pfn()].anchor;
        const IntervalTree* mappers = nullptr;
        if (vma.file() != nullptr && anchor.owner() == vma.file()) mappers = &vma.file()->i_mmap();
        for (const AnonVmaLink& link : vma.anon_vma_chain()) {
            if (anchor.owner() == link.anon_vma.get()) mappers = &link.anon_vma->vmas();
        }
        bool found = false;
        if (mappers != nullptr && anchor.index() == vma.page_index(at)) {
            mappers->for_each(anchor.index(), anchor.index(), [&](Vma& other) { found = found || &other == &vma; });
        }
        if (!found) complain("frame {}: anchor does not lead back to pte {:#x}", pte.pfn().value(), at.value());
    }

    // The kernel's own pages: only where its own ranges say so.
    void check_special(const Vma& vma, VirtAddr at, Pte pte) {
        const SpecialPages* pages = vma.special() != nullptr ? vma.special()->pages.get() : nullptr;
        if (pages == nullptr || pages->frame(vma.page_index(at)) != pte.pfn()) {
            complain("pte {:#x}: frame {} is no user page of this range", at.value(), pte.pfn().value());
        }
        if (pte.writable()) complain("pte {:#x}: the program can write to the kernel's own page", at.value());
    }

    void check_rights(const Vma& vma, VirtAddr at, Pte pte, const Frame& frame) {
        if (!vma.is_accessible()) {
            if (pte.is_present()) complain("pte {:#x}: present under PROT_NONE", at.value());
            return;
        }
        const emu::PteAccess most = vma_access(vma.flags());
        if (!pte.is_present()) complain("pte {:#x}: hidden in an accessible range", at.value());
        if (pte.writable() && pte.is_write_protected()) complain("pte {:#x}: writable and protected", at.value());
        if (pte.writable() && !most.writable) complain("pte {:#x}: writable, its range is not", at.value());
        if (pte.executable() && !most.executable) complain("pte {:#x}: executable, its range is not", at.value());
        const bool owned = frame.state == FrameState::anonymous && frame.anon_exclusive && frame.map_count == 1;
        if (pte.writable() && !vma.is_shared() && !owned) {
            complain("pte {:#x}: a private mapping can write to a page it does not own", at.value());
        }
    }

    void check_tables(const MmStruct& mm) {
        PageCount tables;
        mm.page_table().for_each_table([&](Pfn pfn, VirtRange covered) {
            tables += PageCount(1);
            const Vma* vma = mm.vmas().find(covered.start);
            if (pfn != mm.page_table().root() && (vma == nullptr || vma->start() >= covered.end)) {
                complain("frame {}: a page table for {:#x}, where no vma is", pfn.value(), covered.start.value());
            }
            if (memory_.frames()[pfn].state != FrameState::page_table) {
                complain("frame {}: used as a page table, in another state", pfn.value());
            }
            if (++use_[pfn].references > 1) complain("frame {}: a page table reached twice", pfn.value());
        });
        for (const Pfn pfn : mm.page_table().deposited()) {
            tables += PageCount(1);
            if (++use_[pfn].references > 1 || memory_.frames()[pfn].state != FrameState::page_table) {
                complain("frame {}: kept as a page table, in use", pfn.value());
            }
        }
        if (mm.page_table().deposited().size() != large_entries_[&mm]) {
            complain("mm {}: {} large pages, {} tables kept", mm.id(), large_entries_[&mm],
                     mm.page_table().deposited().size());
        }
        if (tables != mm.page_table().table_count()) complain("mm {}: wrong count of page tables", mm.id());
        // Entries outside every VMA were not visited above.
        std::uint64_t entries = 0;
        mm.page_table().for_each_page(VirtRange{VirtAddr(0), VirtAddr(task_size.value() + page_size)},
                                      [&](VirtAddr, const Pte&) { ++entries; });
        if (entries != ptes_[&mm]) complain("mm {}: {} entries lie outside every vma", mm.id(), entries - ptes_[&mm]);
    }

    void check_frames() {
        std::uint64_t large_pages = 0;
        for (std::uint64_t number = 0; number < memory_.total_page_count().value(); ++number) {
            const Pfn pfn(number);
            const Frame& frame = memory_.frames()[pfn];
            const auto found = use_.find(pfn);
            const FrameUse use = found != use_.end() ? found->second : FrameUse{};
            if (frame.map_count != use.mappings) {
                complain("frame {}: map count {}, a scan finds {}", number, frame.map_count, use.mappings);
            }
            if (frame.entire_map_count != use.large) {
                complain("frame {}: large map count {}, a scan finds {}", number, frame.entire_map_count, use.large);
            }
            if (use.large > 0) ++large_pages;
            if (frame.only_entry != nullptr && (use.mappings != 1 || frame.only_entry != use.entry)) {
                complain("frame {}: its only entry is not where it says", number);
            }
            const bool kernels_own = frame.state == FrameState::reserved || frame.state == FrameState::zero_page ||
                                     frame.state == FrameState::memory_map || frame.state == FrameState::slab;
            // A special page belongs to its SpecialPages, beside those who map it.
            const bool in_swap_cache = frame.state == FrameState::anonymous && frame.slot != 0;
            const std::uint32_t owners = frame.state == FrameState::special || in_swap_cache ? 1 : 0;
            const std::uint32_t references = kernels_own ? 1 : use.references + owners;
            if (frame.reference_count != references) {
                complain("frame {}: {} references, a scan finds {}", number, frame.reference_count, references);
            }
            if (frame.state != FrameState::free && references == 0) complain("frame {}: leaked", number);
        }
        if (large_pages != memory_.frames().large_page_count()) complain("large pages differ from a recount");
    }

    const PhysicalMemory& memory_;
    std::span<const MmStruct* const> mms_;
    std::span<const std::shared_ptr<File>> files_;
    std::unordered_map<Pfn, FrameUse> use_;
    std::map<SwapSlot, std::uint32_t> slots_;
    std::unordered_map<const MmStruct*, std::uint64_t> ptes_;
    std::unordered_map<const MmStruct*, std::uint64_t> large_entries_;
    std::unordered_map<const UserfaultContext*, const MmStruct*> contexts_;
    std::uint64_t vmas_ = 0, chains_ = 0, nodes_ = 0;  // that hold an object
    std::unordered_set<const AnonVma*> families_;
    std::vector<std::string> wrong_;
};

}  // namespace

std::vector<std::string> verify(const PhysicalMemory& memory, std::span<const MmStruct* const> mms,
                                std::span<const std::shared_ptr<File>> files) {
    return Verifier(memory, mms, files).run();
}

}  // namespace fl::mm
