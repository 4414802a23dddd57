// KmemCache: objects come and go. What is looked at on the way is in kmem_cache_checks.cpp.
#include "mm/slab/kmem_cache.hpp"

#include "mm/kernel_layout.hpp"
#include "mm/physical_memory.hpp"
#include "mm/reclaimer.hpp"

#include <fmt/format.h>

#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace fl::mm {

void SlabSurroundings::bug(const std::string& line) const {
    if (on_bug) return on_bug(line);
    std::fputs((line + "\n").c_str(), stderr);
    std::abort();
}

bool SlabSurroundings::may_succeed() {
    if (!successes_left) return true;
    if (*successes_left == 0) return false;
    --*successes_left;
    return true;
}

void SlabList::add(Slab& slab) {
    slab.previous = nullptr;
    slab.next = first_;
    if (first_ != nullptr) first_->previous = &slab;
    first_ = &slab;
    ++count_;
}

void SlabList::remove(Slab& slab) {
    (slab.previous != nullptr ? slab.previous->next : first_) = slab.next;
    if (slab.next != nullptr) slab.next->previous = slab.previous;
    slab.next = slab.previous = nullptr;
    --count_;
}

KmemCache::KmemCache(SlabSurroundings& surroundings, CacheOptions options)
    : surroundings_(surroundings),
      options_(std::move(options)),
      layout_(slab_layout(options_.object_bytes, options_.align, options_.checks, options_.max_order)) {}

KmemCache::~KmemCache() {
    (void)shrink();
    for (SlabList* list : {&partial_, &full_}) {
        while (Slab* slab = list->first()) {
            list->remove(*slab);
            release_slab(*slab);
        }
    }
    if (active_ != nullptr) release_slab(*active_);
}

std::byte* KmemCache::bytes_of(std::uint64_t object) const {
    return surroundings_.memory.ram().base() + (object - page_offset_base.value());
}

std::uint64_t KmemCache::address_of(const Slab& slab, std::uint32_t index) const {
    const VirtAddr start = direct_map_address(slab.first.address());
    return start.value() + std::uint64_t{index} * layout_.bytes + layout_.red_left;
}

std::uint64_t KmemCache::next_free(std::uint64_t object) const {
    std::uint64_t next = 0;
    std::memcpy(&next, bytes_of(object) + layout_.offset, sizeof next);
    return next;
}

void KmemCache::set_next_free(std::uint64_t object, std::uint64_t next) const {
    std::memcpy(bytes_of(object) + layout_.offset, &next, sizeof next);
}

// The last object's link first: the list runs upwards.
void KmemCache::build_freelist(Slab& slab) const {
    for (std::uint32_t index = slab.objects; index-- > 0;) {
        const std::uint64_t object = address_of(slab, index);
        if (layout_.checks == SlabChecks::full) paint(object, red_inactive, layout_.object_bytes);
        set_next_free(object, slab.freelist);
        slab.freelist = object;
    }
}

namespace {

// A sixteenth of RAM is left to programs' pages: otherwise who is refused could not even say so.
bool leaves_room_for_programs(const PhysicalMemory& memory) {
    constexpr std::uint64_t kept_part = 16;
    if (memory.reclaimer() == nullptr) return true;
    const PageCount left = memory.buddy().free_page_count() + memory.reclaimer()->frames();
    return left.value() > memory.total_page_count().value() / kept_part;
}

}  // namespace

// allocate_slab(): a large one if it can be had for nothing, otherwise the smallest at any price.
Slab* KmemCache::new_slab() {
    PhysicalMemory& memory = surroundings_.memory;
    if (!leaves_room_for_programs(memory)) return nullptr;
    unsigned order = layout_.order;
    Result<Pfn> first = fail(Errno::enomem);
    if (order > layout_.min_order) {
        first = memory.allocate_block(order, FrameState::slab, Fill::caller, BlockEffort::take);
    }
    if (!first) {
        order = layout_.min_order;
        first = memory.allocate_block(order, FrameState::slab, Fill::caller, BlockEffort::reclaim);
    }
    if (!first) return nullptr;
    auto* slab = new Slab{.cache = this, .first = *first, .order = order, .objects = layout_.objects_in(order)};
    for (std::uint64_t i = 0; i < slab->page_count().value(); ++i) memory.frames().set_slab(*first + i, *slab);
    build_freelist(*slab);
    room_count_ += slab->objects;
    pages_ += slab->page_count();
    (options_.kind == SlabKind::reclaimable ? surroundings_.reclaimable : surroundings_.unreclaimable) +=
        slab->page_count();
    return slab;
}

void KmemCache::release_slab(Slab& slab) {
    room_count_ -= slab.objects;
    pages_ -= slab.page_count();
    (options_.kind == SlabKind::reclaimable ? surroundings_.reclaimable : surroundings_.unreclaimable) -=
        slab.page_count();
    surroundings_.memory.release_block(slab.first, slab.order);
    delete &slab;
}

// The active slab has a free object afterwards. False: no memory.
bool KmemCache::find_active() {
    if (active_ != nullptr) {
        active_->on = Slab::On::full;
        full_.add(*active_);
        active_ = nullptr;
    }
    if (partial_.first() == nullptr) {
        // Whatever gives way for it may have taken objects of this cache, or given some back.
        Slab* made = new_slab();
        if (made != nullptr && active_ == nullptr && partial_.first() == nullptr) {
            active_ = made;
        } else if (made != nullptr) {
            release_slab(*made);
        }
    }
    if (active_ == nullptr && partial_.first() != nullptr) {
        active_ = partial_.first();
        partial_.remove(*active_);
    }
    if (active_ == nullptr) return false;
    active_->on = Slab::On::active;
    return true;
}

Result<VirtAddr> KmemCache::allocate(std::uint32_t requested_bytes) {
    FL_ASSERT(requested_bytes <= layout_.object_bytes);
    if (!surroundings_.may_succeed()) return fail(Errno::enomem);
    while (active_ == nullptr || active_->freelist == 0) {
        if (!find_active()) return fail(Errno::enomem);
    }
    Slab& slab = *active_;
    const std::uint64_t object = slab.freelist;
    const auto index = index_of(slab, VirtAddr(object));
    if (!index || slab.is_used(*index)) {
        surroundings_.bug(fmt::format("{}: the free list leads to {:#x}, which is no free object of the slab at {:#x}",
                                      name(), object, direct_map_address(slab.first.address()).value()));
        return fail(Errno::enomem);
    }
    if (layout_.checks == SlabChecks::full) {
        if (const auto wrong = damage(object, red_inactive)) surroundings_.bug(*wrong);
        paint(object, red_active, requested_bytes);
    }
    slab.freelist = next_free(object);
    slab.used[*index / 64] |= std::uint64_t{1} << (*index % 64);
    ++slab.inuse;
    ++object_count_;
    return VirtAddr(object);
}

void KmemCache::free(VirtAddr object) {
    Slab* slab = checked_slab_of(object);
    if (slab == nullptr) return;
    const std::uint32_t index = *index_of(*slab, object);
    if (layout_.checks == SlabChecks::full) {
        if (const auto wrong = damage(object.value(), red_active)) surroundings_.bug(*wrong);
        paint(object.value(), red_inactive, layout_.object_bytes);
    }
    slab->used[index / 64] &= ~(std::uint64_t{1} << (index % 64));
    set_next_free(object.value(), slab->freelist);
    slab->freelist = object.value();
    --slab->inuse;
    --object_count_;
    if (slab == active_) return;
    if (slab->on == Slab::On::full) {
        full_.remove(*slab);
        partial_.add(*slab);
        slab->on = Slab::On::partial;
    }
    if (slab->inuse > 0) return;
    partial_.remove(*slab);
    release_slab(*slab);
}

PageCount KmemCache::shrink() {
    if (active_ == nullptr || active_->inuse > 0) return PageCount(0);
    const PageCount pages = active_->page_count();
    release_slab(*std::exchange(active_, nullptr));
    return pages;
}

Result<SlabObject> SlabObject::from(KmemCache& cache, std::uint32_t requested_bytes) {
    const auto object = cache.allocate(requested_bytes);
    if (!object) return fail(object.error());
    return SlabObject(cache, *object);
}

void SlabObject::reset() {
    if (cache_ == nullptr) return;
    --cache_->handle_count_;
    std::exchange(cache_, nullptr)->free(address_);
}

}  // namespace fl::mm
