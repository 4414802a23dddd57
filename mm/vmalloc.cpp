#include "mm/vmalloc.hpp"

#include "mm/kernel_space.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace fl::mm {

namespace {

VirtAddr aligned(VirtAddr address, std::uint64_t align_bytes) {
    return VirtAddr((address.value() + align_bytes - 1) & ~(align_bytes - 1));
}

}  // namespace

Vmalloc::Vmalloc(KernelSpace& space, PhysicalMemory& memory, VirtRange range)
    : space_(space), memory_(memory), range_(range), holes_{{range.start, range.end}} {}

Vmalloc::~Vmalloc() {
    while (!areas_.empty()) free(areas_.begin()->first);
}

// Linux takes the lowest place as well (find_vmap_lowest_match()).
std::optional<VirtAddr> Vmalloc::find_hole(std::uint64_t size_bytes, std::uint64_t align_bytes) {
    const bool knows_more = passed_ && size_bytes >= passed_->size_bytes && align_bytes >= passed_->align_bytes;
    for (auto hole = knows_more ? holes_.lower_bound(passed_->from) : holes_.begin(); hole != holes_.end(); ++hole) {
        const auto& [start, end] = *hole;
        const VirtAddr at = aligned(start, align_bytes);
        if (at >= end || end - at < size_bytes) continue;
        passed_ = Passed{size_bytes, align_bytes, start};
        return at;
    }
    return std::nullopt;
}

void Vmalloc::take_hole(VirtRange range) {
    const auto hole = std::prev(holes_.upper_bound(range.start));
    const VirtRange around{hole->first, hole->second};
    FL_ASSERT(around.start <= range.start && range.end <= around.end);
    holes_.erase(hole);
    if (around.start < range.start) holes_.emplace(around.start, range.start);
    if (range.end < around.end) holes_.emplace(range.end, around.end);
}

// With the holes on either side it is one.
void Vmalloc::give_hole(VirtRange range) {
    auto next = holes_.lower_bound(range.end);
    if (next != holes_.begin()) {
        if (const auto before = std::prev(next); before->second == range.start) {
            range.start = before->first;
            holes_.erase(before);
        }
    }
    if (next != holes_.end() && next->first == range.end) {
        range.end = next->second;
        next = holes_.erase(next);
    }
    holes_.emplace_hint(next, range.start, range.end);
    if (passed_) passed_->from = std::min(passed_->from, range.start);
}

Result<VirtAddr> Vmalloc::allocate(const VmallocRequest& request) {
    FL_ASSERT(std::has_single_bit(request.align_bytes) && request.align_bytes >= page_size);
    const PageCount pages = PageCount::of_bytes(request.size_bytes);
    if (pages == PageCount(0) || pages > memory_.buddy().managed_page_count()) return fail(Errno::enomem);
    VmallocArea area{{}, pages, request.caller};
    const auto start = find_hole(area.with_guard().bytes(), request.align_bytes);
    if (!start) return fail(Errno::enomem);
    area.start = *start;
    const VirtRange range = area.range();
    take_hole(range);
    if (const auto populated = populate({range.start, range.end - page_size}, request); !populated) {
        give_hole(range);
        return fail(populated.error());
    }
    pages_ += pages;
    areas_.emplace(*start, std::move(area));
    return *start;
}

Result<void> Vmalloc::populate(VirtRange pages, const VmallocRequest& request) {
    const auto added = space_.add_tables(pages);
    if (!added) return fail(added.error());
    for (VirtAddr page = pages.start; page < pages.end; page = page + page_size) {
        const auto frame = memory_.allocate(request.state, request.fill);
        if (!frame) {
            unmap({pages.start, page});
            space_.remove_tables(*added);
            return fail(frame.error());
        }
        if (poisoning_ == Poisoning::on && request.fill == Fill::caller) {
            std::ranges::fill(memory_.ram().frame(*frame), poison_in_use);
        }
        space_.map(page, *frame);
    }
    return {};
}

void Vmalloc::unmap(VirtRange pages) {
    for (VirtAddr page = pages.start; page < pages.end; page = page + page_size) {
        const Pfn frame = space_.unmap(page);
        if (poisoning_ == Poisoning::on) std::ranges::fill(memory_.ram().frame(frame), page_poison);
        memory_.release(frame);
    }
}

void Vmalloc::free(VirtAddr start) {
    const auto found = areas_.find(start);
    FL_ASSERT(found != areas_.end());
    const VmallocArea area = std::move(found->second);
    areas_.erase(found);
    pages_ -= area.pages;
    const VirtRange range = area.range();
    unmap({range.start, range.end - page_size});
    give_hole(range);
}

const VmallocArea* Vmalloc::find(VirtAddr address) const {
    const auto next = areas_.upper_bound(address);
    if (next == areas_.begin()) return nullptr;
    const VmallocArea& area = std::prev(next)->second;
    return area.range().contains(address) ? &area : nullptr;
}

std::optional<std::string> Vmalloc::inconsistency() const {
    PageCount pages;
    VirtAddr end = range_.start;
    auto hole = holes_.begin();
    const auto pass_hole = [&] {
        if (hole == holes_.end() || hole->first != end || hole->second <= hole->first) return;
        end = hole->second;
        ++hole;
    };
    for (const auto& [start, area] : areas_) {
        const std::string where = fmt::format("vmalloc area {:#x}", start.value());
        pass_hole();
        if (start != area.start || start != end) return where + " overlaps another, or a hole";
        pages += area.pages;
        end = area.range().end;
        for (VirtAddr page = start; page < end; page = page + page_size) {
            const emu::Pte pte = space_.walk_to(page).leaf();
            const bool is_guard = page + page_size == end;
            if (pte.is_present() == is_guard) return where + (is_guard ? ": no guard page" : ": a page is missing");
            if (!is_guard && memory_.frames()[pte.pfn()].reference_count != 1) return where + ": a frame is shared";
        }
    }
    pass_hole();
    if (end != range_.end || hole != holes_.end()) return "vmalloc: areas and holes do not make up the range";
    if (pages != pages_) return "vmalloc: the page count is wrong";
    for (const auto& [hole_start, hole_end] : holes_) {
        if (!passed_ || hole_start >= passed_->from) break;
        const VirtAddr at = aligned(hole_start, passed_->align_bytes);
        if (at < hole_end && hole_end - at >= passed_->size_bytes)
            return "vmalloc: a search passes a hole that is large enough";
    }
    return std::nullopt;
}

}  // namespace fl::mm
