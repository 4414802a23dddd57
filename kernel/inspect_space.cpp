// inspect.hpp: an address space: its mappings, and its page tables as a tree.
#include "kernel/inspect.hpp"
#include "kernel/inspect_data.hpp"
#include "mm/print_to.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace fl::kernel {

namespace {

using emu::Pte;
using emu::PteKind;

std::string title(const InspectedProcess& process) { return fmt::format("process {} ({})", process.pid, process.name); }

// Runs of entries that are alike, of one table of the last level.
class Runs {
public:
    Runs(const mm::MmStruct& mm, std::string& text, std::string indent)
        : mm_(mm), text_(text), indent_(std::move(indent)) {}

    void add(unsigned index, VirtAddr address, Pte pte) {
        const mm::Vma* vma = mm_.vmas().find(address);
        if (count_ > 0 && continues(index, vma, pte)) {
            step_ = place(pte) - place(last_);
            last_ = pte;
            ++count_;
            return;
        }
        flush();
        first_index_ = index;
        start_ = address;
        first_ = last_ = pte;
        vma_ = vma;
        count_ = 1;
    }

    void flush() {
        if (count_ == 0) return;
        const unsigned last_index = first_index_ + count_ - 1;
        const std::string indices =
            count_ == 1 ? fmt::format("[{:>3}]", first_index_) : fmt::format("[{:>3}-{:>3}]", first_index_, last_index);
        const VirtRange range{start_, start_ + count_ * page_size};
        print_to(text_, "{}{:<10} {:<29} {:>3}  {:<6}  {:<24} {}", indent_, indices, range_text(range), count_,
                 mm::pte_letters(first_), places(), vma_ != nullptr ? vma_text(mm_, *vma_) : "no mapping");
        end_line(text_);
        count_ = 0;
    }

private:
    // The frame or the slot.
    static std::int64_t place(Pte pte) {
        if (pte.is_resident()) return static_cast<std::int64_t>(pte.pfn().value());
        return pte.is_swapped() ? static_cast<std::int64_t>(pte.slot().value()) : 0;
    }
    bool continues(unsigned index, const mm::Vma* vma, Pte pte) const {
        if (index != first_index_ + count_ || vma != vma_) return false;
        if (pte.kind() != last_.kind() || mm::pte_letters(pte) != mm::pte_letters(last_)) return false;
        if (pte.is_write_protected() != last_.is_write_protected()) return false;
        const std::int64_t step = place(pte) - place(last_);
        return count_ == 1 ? step >= -1 && step <= 1 : step == step_;
    }
    std::string places() const {
        if (first_.is_resident()) {
            const auto frame = first_.pfn();
            const bool is_zero = mm_.memory().frames()[frame].state == mm::FrameState::zero_page;
            const std::uint64_t last = last_.pfn().value();
            return fmt::format("frame {}{}", frames_text(frame.value(), last), is_zero ? " (zero page)" : "");
        }
        if (!first_.is_swapped()) return "";
        if (count_ == 1) return fmt::format("slot {}", place(first_));
        return fmt::format("slot {}-{}", place(first_), place(last_));
    }

    const mm::MmStruct& mm_;
    std::string& text_;
    std::string indent_;
    unsigned first_index_ = 0, count_ = 0;
    VirtAddr start_{};
    Pte first_, last_;
    const mm::Vma* vma_ = nullptr;
    std::int64_t step_ = 0;
};

class Tree {
public:
    explicit Tree(const mm::MmStruct& mm) : mm_(mm) {}

    std::string text() {
        add_table(mm_.page_table().root(), 4, VirtAddr(0), std::nullopt);
        return std::move(text_);
    }

private:
    static constexpr std::uint64_t span_bytes(unsigned level) { return page_size << (9 * (level - 1)); }

    // `index`: of the entry above that leads to it; nullopt: it is the root.
    void add_table(Pfn table, unsigned level, VirtAddr base, std::optional<unsigned> index) {
        const std::string indent(2 * (4 - level), ' ');
        const std::string entry = index ? fmt::format("[{:>3}] ", *index) : "";
        print_to(text_, "{}{}{}  frame {:#x}  {}\n", indent, entry, mm::level_name(level), table.value(),
                 range_text({base, base + 512 * span_bytes(level)}));
        const auto entries = mm_.memory().ram().table(table);
        Runs runs(mm_, text_, std::string(2 * (5 - level), ' '));
        // The kernel half is everybody's: show_kernel_space().
        const unsigned count = level == 4 ? 256 : 512;
        for (unsigned i = 0; i < count; ++i) {
            if (entries[i].is_none()) continue;
            const VirtAddr at = base + i * span_bytes(level);
            if (level == 2 && entries[i].is_large()) {
                add_large_page(i, at, entries[i]);
            } else if (level > 1) {
                add_table(entries[i].pfn(), level - 1, at, i);
            } else {
                runs.add(i, at, entries[i]);
            }
        }
        runs.flush();
    }

    void add_large_page(unsigned index, VirtAddr at, Pte pte) {
        const mm::Vma* vma = mm_.vmas().find(at);
        const std::uint64_t first = pte.pfn().value();
        print_to(text_, "      {:<10} {:<29} 2 MiB  {:<6}  {:<24} {}", fmt::format("[{:>3}]", index),
                 range_text(mm::huge_page_range(at)), mm::pte_letters(pte),
                 fmt::format("frame {}", frames_text(first, first + emu::large_page_frames - 1)),
                 vma != nullptr ? vma_text(mm_, *vma) : "no mapping");
        end_line(text_);
    }

    const mm::MmStruct& mm_;
    std::string text_;
};

}  // namespace

Residency residency(const mm::MmStruct& mm, VirtRange range) {
    Residency found;
    mm.page_table().for_each_page(range, [&](VirtAddr, const Pte& pte) {
        if (pte.is_swapped()) ++found.in_swap;
        if (!pte.is_resident()) return;
        ++(mm.memory().frames()[pte.pfn()].state == mm::FrameState::zero_page ? found.zero_page : found.in_memory);
    });
    return found;
}

std::string show_maps(const InspectedProcess& process) {
    const mm::MmStruct& mm = *process.mm;
    const Residency all = residency(mm, VirtRange{VirtAddr(0), mm::task_size});
    std::string text;
    print_to(text, "maps: {}: {}, {}, {} in memory, {} the zero page, {} in swap\n", title(process),
             counted(mm.map_count(), "mapping"), counted(mm.vm().total.value(), "page"), all.in_memory, all.zero_page,
             all.in_swap);
    print_to(text, "  {:>14} {:>14}  {} {:>9} {:>7} {:>7} {:>9}  {}\n", "start", "end", "perm", "pages", "memory",
             "swap", "offset", "name");
    for (const mm::Vma* vma = mm.vmas().first(); vma != nullptr; vma = vma->next()) {
        const Residency here = residency(mm, vma->range());
        const std::uint64_t offset = vma->file() != nullptr ? vma->pgoff() << page_shift : 0;
        print_to(text, "  {:#14x} {:#14x}  {} {:>9} {:>7} {:>7} {:>#9x}  {}", vma->start().value(), vma->end().value(),
                 mm::protection_string(vma->flags()), vma->page_count().value(), here.in_memory, here.in_swap, offset,
                 vma_text(mm, *vma));
        end_line(text);
    }
    return text;
}

std::string show_page_table(const InspectedProcess& process) {
    const mm::MmStruct& mm = *process.mm;
    const Residency all = residency(mm, VirtRange{VirtAddr(0), mm::task_size});
    std::string text;
    print_to(text, "pagetable: {}: {}, {} present, {} in swap\n", title(process),
             counted(mm.page_table().table_count().value(), "table"), counted(all.in_memory + all.zero_page, "page"),
             all.in_swap);
    text += Tree(mm).text();
    text += "P present, N hidden by PROT_NONE, W writable, U user, A accessed, D dirty, X executable\n";
    return text;
}

}  // namespace fl::kernel
