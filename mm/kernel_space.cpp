#include "mm/kernel_space.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace fl::mm {

using emu::Pte;

namespace {

constexpr unsigned top_level = 4;
constexpr std::uint64_t entries = 512;
constexpr std::uint64_t first_kernel_entry = entries / 2;

static_assert(sizeof(Frame) == 64, "as struct page has it");

constexpr std::uint64_t span_bytes(unsigned level) { return page_size << (9 * (level - 1)); }
constexpr std::uint64_t parts(std::uint64_t bytes, std::uint64_t part) { return (bytes + part - 1) / part; }

// _PAGE_TABLE: P W U A D.
Pte table_entry(Pfn table) {
    return Pte::present(table, emu::PteAccess{.writable = true, .user = true, .executable = true})
        .with_accessed()
        .with_dirty();
}

// PAGE_KERNEL and PAGE_KERNEL_LARGE: P W A D G NX.
constexpr emu::PteAccess kernel_access{.writable = true, .global = true};
Pte page_entry(Pfn frame) { return Pte::present(frame, kernel_access).with_accessed().with_dirty(); }
Pte large_page_entry(Pfn first) { return Pte::present_large(first, kernel_access).with_accessed().with_dirty(); }

PageCount memory_map_frames(PageCount ram) { return PageCount::of_bytes(ram.value() * sizeof(Frame)); }

// Vmalloc's range where the first `pgd_entries` of it have tables. Areas add up to RAM at most; what is lost between
// them is a small multiple of that.
std::uint64_t vmalloc_pgd_entries(PageCount ram) {
    constexpr std::uint64_t part_of_ram = 8;
    const std::uint64_t all = parts(vmalloc_end - vmalloc_start, span_bytes(top_level));
    return std::min(all, parts(ram.bytes() * part_of_ram, span_bytes(top_level)));
}

VirtRange vmalloc_range(PageCount ram) {
    const std::uint64_t bytes = vmalloc_pgd_entries(ram) * span_bytes(top_level);
    return {vmalloc_start, vmalloc_start + std::min(bytes, vmalloc_end - vmalloc_start)};
}

// The direct map begins with small pages, as on Linux, which maps the range below 1 MiB on its own.
bool may_be_large(VirtAddr at, PhysAddr to) {
    return at != page_offset_base && at.value() % emu::large_page_size == 0 && to.value() % emu::large_page_size == 0;
}

// Tables below the root for `pages` from `start` on, which no others share.
std::uint64_t tables_for(VirtAddr start, PhysAddr first, PageCount pages) {
    const std::uint64_t bytes = pages.bytes();
    std::uint64_t tables = parts(bytes, span_bytes(4)) + parts(bytes, span_bytes(3));
    for (std::uint64_t done = 0; done < bytes; done += emu::large_page_size) {
        const bool is_whole = bytes - done >= emu::large_page_size;
        if (!is_whole || !may_be_large(start + done, first + done)) ++tables;
    }
    return tables;
}

// Bit 47 of an address in all bits above.
constexpr VirtAddr canonical(VirtAddr address) {
    constexpr unsigned unused_bits = 16;
    return VirtAddr(
        static_cast<std::uint64_t>(static_cast<std::int64_t>(address.value() << unused_bits) >> unused_bits));
}

PhysAddr memory_map_address(PageCount ram) { return Pfn((ram - memory_map_frames(ram)).value()).address(); }

}  // namespace

BootMemory KernelSpace::boot_memory(PageCount ram) {
    const PageCount map = memory_map_frames(ram);
    const std::uint64_t tables = 1 + tables_for(page_offset_base, PhysAddr(0), ram) + vmalloc_pgd_entries(ram) +
                                 tables_for(vmemmap_base, memory_map_address(ram), map);
    return BootMemory{map, PageCount(tables)};
}

PageCount KernelSpace::least_ram() {
    PageCount ram = PhysicalMemory::min_page_count;
    while (ram < boot_memory(ram).total() + PhysicalMemory::min_page_count) ram += PageCount(1);
    return ram;
}

KernelSpace::KernelSpace(PhysicalMemory& memory)
    : memory_(memory),
      next_boot_table_((memory.total_page_count() - memory.boot().total()).value()),
      root_(take_boot_table()),
      vmalloc_(*this, memory, vmalloc_range(memory.total_page_count())) {
    FL_ASSERT(memory.kernel_space() == nullptr && memory.boot().tables > PageCount(0));
    map_at_boot(page_offset_base, PhysAddr(0), memory.total_page_count());
    const VirtRange vmalloc = vmalloc_.range();
    for (VirtAddr at = vmalloc.start; at < vmalloc.end; at = at + span_bytes(top_level)) (void)boot_entry(at, 3);
    map_at_boot(vmemmap_base, memory_map_address(memory.total_page_count()), memory.boot().memory_map);
    FL_ASSERT(tables_ == memory.boot().tables);
    memory.set_kernel_space(this);
}

KernelSpace::~KernelSpace() { memory_.set_kernel_space(nullptr); }

Pfn KernelSpace::take_boot_table() {
    const Pfn table = next_boot_table_;
    FL_ASSERT(memory_.frames()[table].state == FrameState::kernel_table);
    next_boot_table_ = next_boot_table_ + 1;
    tables_ += PageCount(1);
    return table;
}

Pte& KernelSpace::boot_entry(VirtAddr address, unsigned level) {
    Pfn table = root_;
    for (unsigned above = top_level; above > level; --above) {
        Pte& entry = memory_.ram().table(table)[address.table_index(above)];
        if (entry.is_none()) entry = table_entry(take_boot_table());
        table = entry.pfn();
    }
    return memory_.ram().table(table)[address.table_index(level)];
}

void KernelSpace::map_at_boot(VirtAddr start, PhysAddr first, PageCount pages) {
    for (std::uint64_t done = 0; done < pages.bytes();) {
        const VirtAddr at = start + done;
        const PhysAddr to = first + done;
        const bool is_large = pages.bytes() - done >= emu::large_page_size && may_be_large(at, to);
        boot_entry(at, is_large ? 2 : 1) = is_large ? large_page_entry(to.pfn()) : page_entry(to.pfn());
        if (is_direct_map_address(at)) ++(is_large ? direct_map_.large : direct_map_.small);
        done += is_large ? emu::large_page_size : page_size;
    }
}

VirtRange KernelSpace::direct_map_range() const {
    return {page_offset_base, page_offset_base + memory_.total_page_count().bytes()};
}

VirtRange KernelSpace::memory_map_range() const {
    return {vmemmap_base, vmemmap_base + memory_.boot().memory_map.bytes()};
}

void KernelSpace::share_with(Pfn pgd) const {
    const auto from = memory_.ram().table(root_).subspan<first_kernel_entry>();
    std::ranges::copy(from, memory_.ram().table(pgd).subspan<first_kernel_entry>().begin());
}

bool KernelSpace::is_shared_with(Pfn pgd) const {
    return std::ranges::equal(memory_.ram().table(root_).subspan<first_kernel_entry>(),
                              memory_.ram().table(pgd).subspan<first_kernel_entry>());
}

PageWalk KernelSpace::walk_to(VirtAddr address) const {
    PageWalk walk;
    Pfn table = root_;
    for (unsigned level = top_level; level >= 1; --level) {
        const auto index = static_cast<std::uint16_t>(address.table_index(level));
        const Pte entry = memory_.ram().table(table)[index];
        walk.steps[walk.count++] = {table, index, entry};
        if (!entry.is_present() || (level == 2 && entry.is_large())) break;
        table = entry.pfn();
    }
    return walk;
}

std::optional<PhysAddr> KernelSpace::translate(VirtAddr address) const {
    const PageWalk walk = walk_to(address);
    const Pte last = walk.all().back().entry;
    if (!last.is_present()) return std::nullopt;
    const std::uint64_t size_bytes = walk.count == top_level ? page_size : emu::large_page_size;
    return last.pfn().address() + address.value() % size_bytes;
}

template <class Use>
void KernelSpace::for_each_part(VirtAddr start, std::uint64_t size_bytes, Use&& use) const {
    for (std::uint64_t done = 0; done < size_bytes;) {
        const auto at = translate(start + done);
        FL_ASSERT(at.has_value());
        const std::uint64_t count = std::min(size_bytes - done, page_size - at->page_offset());
        use(memory_.ram().frame(at->pfn()).subspan(at->page_offset(), count), done);
        done += count;
    }
}

void KernelSpace::write(VirtAddr to, std::span<const std::byte> from) {
    for_each_part(to, from.size(), [&](std::span<std::byte> bytes, std::uint64_t done) {
        std::memcpy(bytes.data(), from.data() + done, bytes.size());
    });
}

void KernelSpace::read(VirtAddr from, std::span<std::byte> into) const {
    for_each_part(from, into.size(), [&](std::span<const std::byte> bytes, std::uint64_t done) {
        std::memcpy(into.data() + done, bytes.data(), bytes.size());
    });
}

Result<std::vector<KernelSpace::AddedTable>> KernelSpace::add_tables(VirtRange pages) {
    std::vector<AddedTable> added;
    const std::uint64_t leaf_table_bytes = span_bytes(2);
    for (VirtAddr at = pages.start; at < pages.end;
         at = VirtAddr(at.value() / leaf_table_bytes * leaf_table_bytes) + leaf_table_bytes) {
        Pfn table = root_;
        for (unsigned level = top_level; level > 1; --level) {
            Pte& entry = memory_.ram().table(table)[at.table_index(level)];
            if (entry.is_none()) {
                FL_ASSERT(level < top_level);
                const auto frame = memory_.allocate(FrameState::kernel_table, Fill::zeroed);
                if (!frame) {
                    remove_tables(added);
                    return fail(frame.error());
                }
                entry = table_entry(*frame);
                added.push_back({&entry, *frame});
                tables_ += PageCount(1);
            }
            table = entry.pfn();
        }
    }
    return added;
}

void KernelSpace::remove_tables(std::span<const AddedTable> added) {
    for (auto table = added.rbegin(); table != added.rend(); ++table) {
        *table->entry = Pte::none();
        memory_.release(table->table);
        tables_ -= PageCount(1);
    }
}

Pte* KernelSpace::find(VirtAddr page) const {
    Pfn table = root_;
    for (unsigned level = top_level; level > 1; --level) {
        const Pte entry = memory_.ram().table(table)[page.table_index(level)];
        if (!entry.is_present() || (level == 2 && entry.is_large())) return nullptr;
        table = entry.pfn();
    }
    return &memory_.ram().table(table)[page.table_index(1)];
}

void KernelSpace::map(VirtAddr page, Pfn frame) {
    Pte* entry = find(page);
    FL_ASSERT(entry != nullptr && entry->is_none() && vmalloc_.range().contains(page));
    *entry = page_entry(frame);
}

Pfn KernelSpace::unmap(VirtAddr page) {
    Pte* entry = find(page);
    FL_ASSERT(entry != nullptr && entry->is_present() && vmalloc_.range().contains(page));
    const Pte old = std::exchange(*entry, Pte::none());
    if (memory_.tlb_may_hold(old)) memory_.note_tlb_stale();
    return old.pfn();
}

void KernelSpace::for_each_table(const std::function<void(Pfn, unsigned, VirtRange)>& visit) const {
    visit_tables(root_, top_level, VirtAddr(0), visit);
}

void KernelSpace::visit_tables(Pfn table, unsigned level, VirtAddr base,
                               const std::function<void(Pfn, unsigned, VirtRange)>& visit) const {
    visit(table, level, {base, base + entries * span_bytes(level)});
    if (level == 1) return;
    const auto all = memory_.ram().table(table);
    for (std::uint64_t i = 0; i < entries; ++i) {
        if (!all[i].is_none() && !(level == 2 && all[i].is_large())) {
            visit_tables(all[i].pfn(), level - 1, canonical(base + i * span_bytes(level)), visit);
        }
    }
}

void KernelSpace::for_each_page(const std::function<void(VirtAddr, Pte, std::uint64_t)>& visit) const {
    for_each_table([&](Pfn table, unsigned level, VirtRange range) {
        if (level > 2) return;
        const auto all = memory_.ram().table(table);
        for (std::uint64_t i = 0; i < entries; ++i) {
            if (!all[i].is_present() || (level == 2 && !all[i].is_large())) continue;
            visit(range.start + i * span_bytes(level), all[i], span_bytes(level));
        }
    });
}

std::vector<std::string> KernelSpace::inconsistencies() const {
    std::vector<std::string> wrong;
    const VirtRange direct = direct_map_range(), map = memory_map_range();
    const PhysAddr map_address = memory_map_address(memory_.total_page_count());
    std::uint64_t direct_bytes = 0, map_bytes = 0;
    PageCount vmalloc_pages;
    DirectMapPages direct_pages;
    for_each_page([&](VirtAddr at, Pte pte, std::uint64_t size_bytes) {
        const bool is_large = size_bytes > page_size;
        PhysAddr wanted;
        if (direct.contains(at)) {
            direct_bytes += size_bytes;
            ++(is_large ? direct_pages.large : direct_pages.small);
            wanted = physical_address(at);
        } else if (map.contains(at)) {
            map_bytes += size_bytes;
            wanted = map_address + (at - map.start);
        } else {
            vmalloc_pages += PageCount(1);
            wanted = pte.pfn().address();
            const FrameState state = memory_.frames()[wanted.pfn()].state;
            const bool is_vmalloc = state == FrameState::vmalloc || state == FrameState::kernel_stack;
            if (is_large || !is_vmalloc || vmalloc_.find(at) == nullptr) {
                wrong.push_back(fmt::format("kernel page {:#x}: in no area", at.value()));
            }
        }
        if (pte != (is_large ? large_page_entry(wanted.pfn()) : page_entry(wanted.pfn()))) {
            wrong.push_back(fmt::format("kernel page {:#x}: entry {:#x}", at.value(), pte.raw()));
        }
    });
    if (direct_bytes != direct.size_bytes()) wrong.emplace_back("the direct map is not all of RAM");
    if (direct_pages != direct_map_) wrong.emplace_back("the direct map's pages differ from a recount");
    if (map_bytes != map.size_bytes()) wrong.emplace_back("the memory map is not all mapped");
    if (vmalloc_pages != vmalloc_.page_count()) wrong.emplace_back("vmalloc: pages differ from a recount");
    PageCount tables;
    for_each_table([&](Pfn table, unsigned, VirtRange) {
        tables += PageCount(1);
        if (memory_.frames()[table].state != FrameState::kernel_table) {
            wrong.push_back(fmt::format("frame {}: a kernel's table, in another state", table.value()));
        }
    });
    if (tables != tables_) wrong.emplace_back("the kernel's page tables differ from a recount");
    if (auto broken = vmalloc_.inconsistency()) wrong.push_back(*std::move(broken));
    return wrong;
}

}  // namespace fl::mm
