#include "mm/migrate.hpp"

#include "mm/file.hpp"
#include "mm/reclaimer.hpp"
#include "mm/rmap.hpp"

#include <cstring>

namespace fl::mm {

using emu::Pte;

namespace {

bool is_cached(const Frame& frame) {
    return frame.state == FrameState::file_cache || frame.state == FrameState::shared_memory;
}

// A page that is being read into the cache is not there yet.
bool is_in_its_cache(const Frame& frame, Pfn pfn) {
    const auto& pages = frame.anchor.file().cached_pages();
    const auto found = pages.find(frame.anchor.index());
    return found != pages.end() && found->second == pfn;
}

// try_to_migrate() and remove_migration_ptes() in one: nobody looks at the entries in between.
std::uint32_t redirect_entries(PhysicalMemory& memory, Pfn from, Pfn to) {
    std::uint32_t redirected = 0;
    const auto redirect = [&](Pte& entry) {
        if (memory.tlb_may_hold(entry)) memory.note_tlb_stale();
        entry = entry.with_pfn(to);
        ++redirected;
    };
    if (Pte* only = memory.frames()[from].only_entry; only != nullptr) {
        redirect(*only);
    } else {
        for_each_mapping(memory, from, [&](Vma&, VirtAddr, Pte& entry) { redirect(entry); });
    }
    return redirected;
}

}  // namespace

bool is_movable(const PhysicalMemory& memory, Pfn pfn) {
    const Frame& frame = memory.frames()[pfn];
    if (frame.state != FrameState::anonymous && !is_cached(frame)) return false;
    // A large page would have to be split first.
    if (memory.frames().is_in_large_page(pfn)) return false;
    if (frame.page != 0 && !memory.reclaimer()->is_settled(pfn)) return false;
    // Of a private page that nobody maps yet nothing but its number is known.
    return is_cached(frame) ? is_in_its_cache(frame, pfn) : frame.map_count > 0 || frame.slot != 0;
}

// folio_expected_ref_count()
bool is_pinned(const PhysicalMemory& memory, Pfn pfn) {
    const Frame& frame = memory.frames()[pfn];
    const bool in_a_cache = is_cached(frame) || frame.slot != 0;
    return frame.reference_count != frame.map_count + (in_a_cache ? 1U : 0U);
}

Migration migrate_page(PhysicalMemory& memory, Pfn from, Pfn to) {
    FL_ASSERT(is_movable(memory, from));
    const Frame& frame = memory.frames()[from];
    if (is_pinned(memory, from)) {
        memory.buddy().free(to, 0);
        return Migration::refused;
    }
    memory.ram().note_kernel_store(to);
    std::memcpy(memory.ram().frame(to).data(), memory.ram().frame(from).data(), page_size);
    const std::uint32_t redirected = redirect_entries(memory, from, to);
    FL_ASSERT(redirected == frame.map_count);
    if (is_cached(frame)) frame.anchor.file().move_page(frame.anchor.index(), to);
    const bool is_numbered = frame.page != 0;
    memory.frames().move(from, to);
    if (is_numbered) memory.reclaimer()->on_migrated(from, to);
    memory.buddy().free(from, 0);
    return Migration::done;
}

void Reclaimer::on_migrated(Pfn from, Pfn to) {
    const Frame& frame = memory_.frames()[to];
    Page& entry = pages_[frame.page - 1];
    FL_ASSERT(entry.pfn == from.value() && entry.admitted);
    entry.pfn = static_cast<std::uint32_t>(to.value());
    for (Refault& refault : refaults_) {
        if (refault.pfn == from) refault.pfn = to;
    }
    if (const auto slot = frame.swap_slot()) swap_->move_tie(*slot, to);
}

}  // namespace fl::mm
