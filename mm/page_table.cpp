#include "mm/page_table.hpp"

#include "mm/kernel_space.hpp"

#include <utility>

namespace fl::mm {

using emu::Pte;

namespace {

// Upper entries allow everything: rights are the leaf's business, as on Linux.
Pte table_entry(Pfn table) {
    return Pte::present(table, emu::PteAccess{.writable = true, .user = true, .executable = true});
}

}  // namespace

Result<PageTable> PageTable::create(PhysicalMemory& memory) {
    const auto root = memory.allocate(FrameState::page_table, Fill::zeroed);
    if (!root) return fail(root.error());
    if (memory.kernel_space() != nullptr) memory.kernel_space()->share_with(*root);
    return PageTable(memory, *root);
}

PageTable::PageTable(PageTable&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)),
      root_(other.root_),
      tables_(other.tables_),
      deposited_(std::move(other.deposited_)) {}

PageTable::~PageTable() {
    if (memory_ == nullptr) return;
    free_subtree(root_, 4);
    FL_ASSERT(deposited_.empty());
    FL_ASSERT(tables_ == PageCount(0));
}

Pte* PageTable::find(VirtAddr address) const {
    Pfn table = root_;
    for (unsigned level = 4; level >= 2; --level) {
        Pte& entry = memory_->ram().table(table)[address.table_index(level)];
        if (entry.is_none()) return nullptr;
        if (level == 2 && entry.is_large()) return &entry;
        table = entry.pfn();
    }
    return &memory_->ram().table(table)[address.table_index(1)];
}

Pte* PageTable::find_upper(VirtAddr address) const {
    Pfn table = root_;
    for (unsigned level = 4; level >= 3; --level) {
        const Pte entry = memory_->ram().table(table)[address.table_index(level)];
        if (entry.is_none()) return nullptr;
        table = entry.pfn();
    }
    return &memory_->ram().table(table)[address.table_index(2)];
}

PageWalk PageTable::walk_to(VirtAddr address) const {
    PageWalk walk;
    Pfn table = root_;
    for (unsigned level = 4; level >= 1; --level) {
        const auto index = static_cast<std::uint16_t>(address.table_index(level));
        const Pte entry = memory_->ram().table(table)[index];
        walk.steps[walk.count++] = {table, index, entry};
        if (level == 1 || entry.is_none() || (level == 2 && entry.is_large())) break;
        table = entry.pfn();
    }
    return walk;
}

Result<Pfn> PageTable::ensure_table(VirtAddr address, unsigned level) {
    Pfn table = root_;
    for (unsigned above = 4; above > level; --above) {
        Pte& entry = memory_->ram().table(table)[address.table_index(above)];
        if (entry.is_none()) {
            const auto added = memory_->allocate(FrameState::page_table, Fill::zeroed);
            if (!added) return fail(added.error());
            entry = table_entry(*added);
            tables_ += PageCount(1);
        }
        FL_ASSERT(!(above == 2 && entry.is_large()));
        table = entry.pfn();
    }
    return table;
}

Result<Pte*> PageTable::ensure(VirtAddr address) {
    const auto table = ensure_table(address, 1);
    if (!table) return fail(table.error());
    return &memory_->ram().table(*table)[address.table_index(1)];
}

Result<Pte*> PageTable::ensure_upper(VirtAddr address) {
    const auto table = ensure_table(address, 2);
    if (!table) return fail(table.error());
    return &memory_->ram().table(*table)[address.table_index(2)];
}

Result<void> PageTable::deposit() {
    const auto table = memory_->allocate(FrameState::page_table, Fill::caller);
    if (!table) return fail(table.error());
    deposited_.push_back(*table);
    tables_ += PageCount(1);
    return {};
}

void PageTable::drop_deposit() {
    FL_ASSERT(!deposited_.empty());
    memory_->release(deposited_.back());
    deposited_.pop_back();
    tables_ -= PageCount(1);
}

Pte* PageTable::split(Pte& large) {
    FL_ASSERT(large.is_large() && !deposited_.empty());
    const Pfn table = deposited_.back();
    deposited_.pop_back();
    const auto entries = memory_->ram().table(table);
    for (std::uint64_t i = 0; i < entries.size(); ++i) entries[i] = large.small(i);
    large = table_entry(table);
    return entries.data();
}

void PageTable::take_table(Pte& entry) {
    FL_ASSERT(entry.is_present() && !entry.is_large());
    deposited_.push_back(entry.pfn());
    entry = Pte::none();
}

void PageTable::free_tables(VirtRange range, VirtRange limits) {
    if (range.empty()) return;
    free_tables_below(root_, 4, VirtAddr(0), range, limits);
}

void PageTable::free_tables_below(Pfn table, unsigned level, VirtAddr base, VirtRange range, VirtRange limits) {
    if (level == 1) return;
    const auto entries = memory_->ram().table(table);
    const std::uint64_t span = span_bytes(level);
    const std::uint64_t first = range.start > base ? (range.start - base) / span : 0;
    for (std::uint64_t i = first; i < 512; ++i) {
        const VirtRange covered{base + i * span, base + (i + 1) * span};
        if (covered.start >= range.end) return;
        Pte& entry = entries[i];
        if (entry.is_none()) continue;
        if (covered.start >= limits.start && covered.end <= limits.end) {
            free_subtree(entry.pfn(), level - 1);
            entry = Pte::none();
        } else {
            free_tables_below(entry.pfn(), level - 1, covered.start, range, limits);
        }
    }
}

std::span<Pte> PageTable::own_entries(Pfn table, unsigned level) const {
    const auto entries = memory_->ram().table(table);
    return level == 4 ? entries.first<256>() : std::span<Pte>(entries);
}

void PageTable::free_subtree(Pfn table, unsigned level) {
    for (const Pte entry : own_entries(table, level)) {
        if (entry.is_none()) continue;
        FL_ASSERT(level > 1 && !(level == 2 && entry.is_large()));
        free_subtree(entry.pfn(), level - 1);
    }
    memory_->release(table);
    tables_ -= PageCount(1);
}

void PageTable::for_each_table(const std::function<void(Pfn, VirtRange)>& visit) const {
    visit_tables(root_, 4, VirtAddr(0), visit);
}

void PageTable::visit_tables(Pfn table, unsigned level, VirtAddr base,
                             const std::function<void(Pfn, VirtRange)>& visit) const {
    visit(table, VirtRange{base, base + 512 * span_bytes(level)});
    if (level == 1) return;
    const auto entries = own_entries(table, level);
    for (std::uint64_t i = 0; i < entries.size(); ++i) {
        if (entries[i].is_none() || (level == 2 && entries[i].is_large())) continue;
        visit_tables(entries[i].pfn(), level - 1, base + i * span_bytes(level), visit);
    }
}

}  // namespace fl::mm
