#include "kernel/proc_smaps.hpp"

#include "kernel/proc_maps.hpp"
#include "mm/print_to.hpp"
#include "mm/reclaimer.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace fl::kernel {

namespace {

constexpr unsigned pss_shift = 12;
constexpr unsigned kib_shift = 10;

struct FlagName {
    unsigned bit;
    std::string_view name;
};
// In the order of the bits, as show_smap_vma_flags prints them.
constexpr std::array flag_names{
    FlagName{0, "rd"},  FlagName{1, "wr"},  FlagName{2, "ex"},  FlagName{3, "sh"},  FlagName{4, "mr"},
    FlagName{5, "mw"},  FlagName{6, "me"},  FlagName{7, "ms"},  FlagName{8, "gd"},  FlagName{9, "um"},
    FlagName{10, "pf"}, FlagName{11, "gu"}, FlagName{12, "uw"}, FlagName{13, "lo"}, FlagName{14, "io"},
    FlagName{15, "sr"}, FlagName{16, "rr"}, FlagName{17, "dc"}, FlagName{18, "de"}, FlagName{19, "lf"},
    FlagName{20, "ac"}, FlagName{21, "nr"}, FlagName{22, "ht"}, FlagName{23, "sf"}, FlagName{24, "ar"},
    FlagName{25, "wf"}, FlagName{26, "dd"}, FlagName{28, "mm"}, FlagName{29, "hg"}, FlagName{30, "nh"},
    FlagName{31, "mg"}, FlagName{40, "dp"}, FlagName{41, "ui"}, FlagName{42, "sl"},
};

enum class Tally : std::uint8_t { vma, rollup };

void append_kib(std::string& text, std::string_view label, std::uint64_t bytes) {
    print_to(text, "{:<16}{:>8} kB\n", label, bytes >> kib_shift);
}

void append_pss(std::string& text, std::string_view label, std::uint64_t pss) {
    append_kib(text, label, pss >> pss_shift);
}

void append_sizes(std::string& text, const MemorySizes& sizes, Tally tally) {
    append_kib(text, "Rss:", sizes.resident);
    append_pss(text, "Pss:", sizes.pss);
    append_pss(text, "Pss_Dirty:", sizes.pss_dirty);
    if (tally == Tally::rollup) {
        append_pss(text, "Pss_Anon:", sizes.pss_anonymous);
        append_pss(text, "Pss_File:", sizes.pss_file);
        append_pss(text, "Pss_Shmem:", sizes.pss_shared_memory);
    }
    append_kib(text, "Shared_Clean:", sizes.shared_clean);
    append_kib(text, "Shared_Dirty:", sizes.shared_dirty);
    append_kib(text, "Private_Clean:", sizes.private_clean);
    append_kib(text, "Private_Dirty:", sizes.private_dirty);
    append_kib(text, "Referenced:", sizes.referenced);
    append_kib(text, "Anonymous:", sizes.anonymous);
    append_kib(text, "KSM:", 0);
    append_kib(text, "LazyFree:", sizes.lazyfree);
    append_kib(text, "AnonHugePages:", sizes.anonymous_huge);
    append_kib(text, "ShmemPmdMapped:", 0);
    append_kib(text, "FilePmdMapped:", 0);
    append_kib(text, "Shared_Hugetlb:", 0);
    append_kib(text, "Private_Hugetlb:", 0);
    append_kib(text, "Swap:", sizes.swap);
    append_pss(text, "SwapPss:", sizes.swap_pss);
    append_pss(text, "Locked:", sizes.pss_locked);
}

void append_entry(std::string& text, VirtRange range, mm::VmFlags flags, const MemorySizes& sizes,
                  bool is_thp_eligible = false) {
    append_kib(text, "Size:", range.size_bytes());
    append_kib(text, "KernelPageSize:", page_size);
    append_kib(text, "MMUPageSize:", page_size);
    append_sizes(text, sizes, Tally::vma);
    print_to(text, "{:<16}{:>8}\n", "THPeligible:", is_thp_eligible ? 1 : 0);
    text += "VmFlags: " + vm_flags_mnemonics(flags) + "\n";
}

// One resident page (smaps_account, smaps_page_accumulate).
void add_page(const mm::Frame& frame, emu::Pte pte, mm::VmFlags flags, MemorySizes& sizes) {
    const bool dirty = pte.dirty() || frame.dirty;
    sizes.resident += page_size;
    if (pte.accessed()) sizes.referenced += page_size;
    const bool shared = frame.map_count > 1;
    const std::uint64_t pss = (page_size << pss_shift) / (shared ? frame.map_count : 1);
    sizes.pss += pss;
    switch (frame.state) {
        case mm::FrameState::anonymous:
            sizes.anonymous += page_size;
            if (frame.lazy_free && !dirty) sizes.lazyfree += page_size;
            sizes.pss_anonymous += pss;
            break;
        case mm::FrameState::shared_memory: sizes.pss_shared_memory += pss; break;
        default: sizes.pss_file += pss;
    }
    if (flags.has(mm::vm_locked)) sizes.pss_locked += pss;
    if (dirty) sizes.pss_dirty += pss;
    std::uint64_t& kind = shared ? (dirty ? sizes.shared_dirty : sizes.shared_clean)
                                 : (dirty ? sizes.private_dirty : sizes.private_clean);
    kind += page_size;
}

// smaps_pte_entry
void add_swapped(std::uint32_t references, MemorySizes& sizes) {
    sizes.swap += page_size;
    sizes.swap_pss += (page_size << pss_shift) / std::max(references, 1U);
}

// What the file has in swap where the mapping shows it: a private copy hides it (shmem_swap_usage, smaps_pte_hole).
std::uint64_t shared_swap(const mm::MmStruct& mm, const mm::Vma& vma) {
    const mm::File* file = vma.file();
    if (file == nullptr || file->kind() != mm::FileKind::shared_memory) return 0;
    const bool may_have_copies = !vma.is_shared() && vma.flags().has(mm::vm_write);
    const auto& pages = file->swapped_pages();
    std::uint64_t count = 0;
    for (auto page = pages.lower_bound(vma.pgoff()); page != pages.end(); ++page) {
        const std::uint64_t index = page->first - vma.pgoff();
        if (index >= vma.page_count().value()) break;
        const emu::Pte* entry =
            may_have_copies ? mm.page_table().find(vma.start() + PageCount(index).bytes()) : nullptr;
        if (entry == nullptr || entry->is_none()) ++count;
    }
    return count * page_size;
}

}  // namespace

std::string vm_flags_mnemonics(mm::VmFlags flags) {
    std::string text;
    for (const FlagName& flag : flag_names) {
        if (((flags.bits() >> flag.bit) & 1) != 0) text.append(flag.name).append(" ");
    }
    return text;
}

void gather_sizes(const mm::MmStruct& mm, const mm::Vma& vma, MemorySizes& sizes) {
    const mm::FrameTable& frames = mm.memory().frames();
    sizes.swap += shared_swap(mm, vma);
    mm.page_table().for_each_entry(vma.range(), [&](VirtAddr, const emu::Pte& pte) {
        if (pte.is_large()) {
            sizes.anonymous_huge += mm::huge_page_bytes;
            for (std::uint64_t i = 0; i < emu::large_page_frames; ++i) {
                add_page(frames[pte.pfn() + i], pte.small(i), vma.flags(), sizes);
            }
            return;
        }
        if (pte.is_swapped()) return add_swapped(mm.memory().reclaimer()->swap()->references(pte.slot()), sizes);
        // The page of zeroes and what the kernel only shows belong to nobody (vm_normal_page).
        if (!pte.is_resident() || !mm.memory().counts_mappings(pte.pfn())) return;
        add_page(frames[pte.pfn()], pte, vma.flags(), sizes);
    });
}

std::string proc_smaps(const mm::MmStruct& mm) {
    std::string text;
    for (const mm::Vma* vma = mm.vmas().first(); vma != nullptr; vma = vma->next()) {
        MemorySizes sizes;
        gather_sizes(mm, *vma, sizes);
        append_maps_line(text, mm, *vma);
        append_entry(text, vma->range(), vma->flags(), sizes, mm.is_thp_eligible(*vma));
    }
    append_maps_line(text, vsyscall_page, mm::protection_string(vsyscall_flags), vsyscall_name);
    append_entry(text, vsyscall_page, vsyscall_flags, MemorySizes{});
    return text;
}

std::string proc_smaps_rollup(const mm::MmStruct& mm) {
    MemorySizes sizes;
    const mm::Vma* first = mm.vmas().first();
    for (const mm::Vma* vma = first; vma != nullptr; vma = vma->next()) gather_sizes(mm, *vma, sizes);
    std::string text;
    const VirtAddr start = first != nullptr ? first->start() : VirtAddr(0);
    append_maps_line(text, VirtRange{start, mm.highest_vm_end()}, "---p", "[rollup]");
    append_sizes(text, sizes, Tally::rollup);
    return text;
}

}  // namespace fl::kernel
