// KmemCache: who frees what is not his, writes where he may not, or leaves the lists broken (mm/slub.c,
// free_consistency_checks(), check_object(), validate_slab()).
#include "mm/kernel_layout.hpp"
#include "mm/physical_memory.hpp"
#include "mm/slab/kmem_cache.hpp"

#include <fmt/format.h>

#include <bit>
#include <cstring>

namespace fl::mm {

std::optional<std::uint32_t> KmemCache::index_of(const Slab& slab, VirtAddr object) const {
    const std::uint64_t start = direct_map_address(slab.first.address()).value() + layout_.red_left;
    const std::uint64_t offset = object.value() - start;
    if (object.value() < start || offset >= slab.page_count().bytes()) return std::nullopt;
    const auto index = static_cast<std::uint32_t>(offset) / layout_.bytes;
    if (index >= slab.objects || index * layout_.bytes != offset) return std::nullopt;
    return index;
}

std::optional<VirtAddr> KmemCache::object_at(VirtAddr address) const {
    const Slab& slab = *surroundings_.memory.frames()[physical_address(address).pfn()].slab();
    const std::uint64_t offset = address - direct_map_address(slab.first.address());
    const std::uint32_t index = static_cast<std::uint32_t>(offset) / layout_.bytes;
    return index < slab.objects ? std::optional(VirtAddr(address_of(slab, index))) : std::nullopt;
}

bool KmemCache::is_in_use(VirtAddr object) const {
    const Slab& slab = *surroundings_.memory.frames()[physical_address(object).pfn()].slab();
    const auto index = index_of(slab, object);
    return index && slab.is_used(*index);
}

// nullptr, with a complaint: it is no object in use of this cache.
Slab* KmemCache::checked_slab_of(VirtAddr object) {
    const auto complain = [&](const std::string& what) {
        surroundings_.bug(fmt::format("{}: free of {:#x}, {}", name(), object.value(), what));
        return nullptr;
    };
    const PhysicalMemory& memory = surroundings_.memory;
    if (!is_direct_map_address(object)) return complain("which is not in the direct map");
    const Pfn pfn = physical_address(object).pfn();
    if (pfn.value() >= memory.total_page_count().value()) return complain("which lies beyond RAM");
    const Frame& frame = memory.frames()[pfn];
    if (frame.state != FrameState::slab) return complain("which is in no slab");
    Slab* slab = frame.slab();
    if (slab->cache != this) {
        return complain(slab->cache == nullptr ? "which is a block of kmalloc's"
                                               : fmt::format("which belongs to {}", slab->cache->name()));
    }
    const auto index = index_of(*slab, object);
    if (!index) return complain("which is not the start of an object");
    if (!slab->is_used(*index)) return complain("which is free already");
    return slab;
}

std::uint32_t KmemCache::requested_bytes(std::uint64_t object) const {
    if (layout_.checks == SlabChecks::off) return layout_.object_bytes;
    std::uint64_t requested = 0;
    std::memcpy(&requested, bytes_of(object) + layout_.requested_offset(), sizeof requested);
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(requested, layout_.object_bytes));
}

std::uint32_t KmemCache::usable_bytes(VirtAddr object) const { return requested_bytes(object.value()); }

// init_object(): of an object in use the poison is what nobody has written yet. The red zone behind it begins where
// what was asked for ends.
void KmemCache::paint(std::uint64_t object, std::uint8_t red, std::uint32_t requested) const {
    std::byte* bytes = bytes_of(object);
    std::memset(bytes - layout_.red_left, red, layout_.red_left);
    if (requested > 0) {
        std::memset(bytes, poison_free, requested - 1);
        bytes[requested - 1] = std::byte{poison_end};
    }
    std::memset(bytes + requested, red, layout_.inuse - requested);
    const std::uint64_t kept = requested;
    std::memcpy(bytes + layout_.requested_offset(), &kept, sizeof kept);
}

namespace {

// The first byte that is not `wanted`; `count` where all are.
std::size_t first_other(const std::byte* bytes, std::size_t count, std::uint8_t wanted) {
    std::size_t at = 0;
    while (at < count && bytes[at] == std::byte{wanted}) ++at;
    return at;
}

}  // namespace

// check_object().
std::optional<std::string> KmemCache::damage(std::uint64_t object, std::uint8_t red) const {
    const std::byte* bytes = bytes_of(object);
    const std::uint32_t requested = requested_bytes(object);
    const auto tell = [&](const char* what, const std::byte* at) {
        return fmt::format("{}: object {:#x}: {} at {:#x}, where {:#04x} stands", name(), object, what,
                           object + static_cast<std::uint64_t>(at - bytes), std::to_integer<unsigned>(*at));
    };
    const std::byte* left = bytes - layout_.red_left;
    if (const auto at = first_other(left, layout_.red_left, red); at < layout_.red_left) {
        return tell("left red zone overwritten", left + at);
    }
    const std::size_t behind = layout_.inuse - requested;
    if (const auto at = first_other(bytes + requested, behind, red); at < behind) {
        return tell("right red zone overwritten", bytes + requested + at);
    }
    if (red == red_active || requested == 0) return std::nullopt;
    if (const auto at = first_other(bytes, requested - 1, poison_free); at < requested - 1) {
        return tell("poison overwritten after free", bytes + at);
    }
    if (bytes[requested - 1] != std::byte{poison_end}) {
        return tell("poison overwritten after free", bytes + requested - 1);
    }
    return std::nullopt;
}

std::optional<std::string> KmemCache::slab_inconsistency(const Slab& slab) const {
    const std::string where =
        fmt::format("{}: slab at {:#x}", name(), direct_map_address(slab.first.address()).value());
    const FrameTable& frames = surroundings_.memory.frames();
    for (std::uint64_t i = 0; i < slab.page_count().value(); ++i) {
        const Frame& frame = frames[slab.first + i];
        if (frame.state != FrameState::slab) return where + " holds a frame of another kind";
        if (frame.slab() != &slab) return where + " holds a frame that does not lead to it";
    }
    if (slab.cache != this || slab.objects != layout_.objects_in(slab.order))
        return where + " is not cut as the cache is";
    std::uint32_t used = 0;
    for (const std::uint64_t bits : slab.used) used += static_cast<std::uint32_t>(std::popcount(bits));
    if (used != slab.inuse) return fmt::format("{}: {} objects in use, a recount finds {}", where, slab.inuse, used);
    std::array<std::uint64_t, SlabLayout::max_objects / 64> free{};
    std::uint32_t free_count = 0;
    for (std::uint64_t object = slab.freelist; object != 0; object = next_free(object)) {
        const auto index = index_of(slab, VirtAddr(object));
        if (!index) return fmt::format("{}: its free list leads to {:#x}", where, object);
        const std::uint64_t bit = std::uint64_t{1} << (*index % 64);
        if (slab.is_used(*index)) return fmt::format("{}: object {:#x} is in use and free", where, object);
        if ((free[*index / 64] & bit) != 0) return where + ": its free list runs in a circle";
        free[*index / 64] |= bit;
        ++free_count;
    }
    if (free_count + used != slab.objects) return where + ": a free object is not on its list";
    if (layout_.checks == SlabChecks::off) return std::nullopt;
    for (std::uint32_t index = 0; index < slab.objects; ++index) {
        const std::uint8_t red = slab.is_used(index) ? red_active : red_inactive;
        if (auto wrong = damage(address_of(slab, index), red)) return wrong;
    }
    return std::nullopt;
}

std::optional<std::string> KmemCache::inconsistency() const {
    std::uint64_t objects = 0, room = 0;
    PageCount pages;
    std::optional<std::string> wrong;
    for_each_slab([&](const Slab& slab) {
        objects += slab.inuse;
        room += slab.objects;
        pages += slab.page_count();
        if (wrong) return;
        wrong = slab_inconsistency(slab);
        const bool is_active = &slab == active_;
        const bool is_full = slab.inuse == slab.objects;
        const Slab::On wanted = is_active ? Slab::On::active : is_full ? Slab::On::full : Slab::On::partial;
        if (!wrong && slab.on != wanted) wrong = name() + ": a slab is on the wrong list";
        if (!wrong && !is_active && slab.inuse == 0) wrong = name() + ": an empty slab was kept";
    });
    if (wrong) return wrong;
    for (const SlabList* list : {&partial_, &full_}) {
        std::uint64_t slabs = 0;
        for (const Slab* slab = list->first(); slab != nullptr; slab = slab->next) {
            ++slabs;
            const bool fits = slab->on == (list == &partial_ ? Slab::On::partial : Slab::On::full);
            if (!fits || (slab->next != nullptr && slab->next->previous != slab))
                return name() + ": a broken list of slabs";
        }
        if (slabs != list->count()) return name() + ": the count of a list of slabs is wrong";
    }
    if (objects != object_count_ || room != room_count_ || pages != pages_) {
        return name() + ": counters differ from a recount";
    }
    return std::nullopt;
}

}  // namespace fl::mm
