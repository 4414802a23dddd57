// KmemCache: objects of one size in slabs, blocks of frames that are cut up for them (Bonwick, The Slab Allocator,
// 1994; Linux: mm/slub.c). The list of free objects of a slab runs through the objects themselves, in emulated RAM, as
// addresses of the direct map.
//
// Invariants: a slab with a free object is the active one or on the partial list, one without is the active one or on
// the full list; but for the active one no slab is empty; what a slab counts as in use are the bits of `used`, and the
// others are on its free list, once each; every frame of a slab leads to it.
#pragma once

#include "mm/errno.hpp"
#include "mm/frame_table.hpp"
#include "mm/slab/slab_layout.hpp"

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace fl::mm {

class KmemCache;
class PhysicalMemory;

// struct slab.
class Slab {
public:
    // nullptr: a whole block of kmalloc()'s.
    KmemCache* cache = nullptr;
    Pfn first{};
    unsigned order = 0;
    std::uint32_t objects = 0;
    std::uint32_t inuse = 0;
    std::uint64_t freelist = 0;  // address of the first free object; 0: none
    enum class On : std::uint8_t { active, partial, full } on = On::active;
    Slab* next = nullptr;
    Slab* previous = nullptr;
    std::array<std::uint64_t, SlabLayout::max_objects / 64> used{};

    PageCount page_count() const { return PageCount(std::uint64_t{1} << order); }
    bool is_used(std::uint32_t index) const { return (used[index / 64] >> (index % 64) & 1) != 0; }
};

// A list of slabs, the one added last in front.
class SlabList {
public:
    Slab* first() const { return first_; }
    std::uint64_t count() const { return count_; }
    void add(Slab& slab);
    void remove(Slab& slab);

private:
    Slab* first_ = nullptr;
    std::uint64_t count_ = 0;
};

// What the kernel could have back when memory runs short (SLAB_RECLAIM_ACCOUNT): SReclaimable, SUnreclaim.
enum class SlabKind : std::uint8_t { unreclaimable, reclaimable };

struct CacheOptions {
    std::string name;
    std::uint32_t object_bytes = 0;
    std::uint32_t align = 8;
    SlabKind kind = SlabKind::unreclaimable;
    SlabChecks checks = SlabChecks::off;
    unsigned max_order = SlabLayout::costly_order;
};

// What the caches of one machine have in common.
struct SlabSurroundings {
    PhysicalMemory& memory;
    // Told in one line of what only a bug of ours can have done; the default ends the emulator, as FL_ASSERT does.
    std::function<void(const std::string&)> on_bug;
    // For tests: so many objects can be had from now on, then none.
    std::optional<std::uint64_t> successes_left{};
    // Frames of all slabs and blocks.
    PageCount reclaimable{}, unreclaimable{};

    void bug(const std::string& line) const;
    // False: this one is to fail.
    bool may_succeed();
};

class KmemCache {
public:
    KmemCache(SlabSurroundings& surroundings, CacheOptions options);
    KmemCache(const KmemCache&) = delete;
    KmemCache& operator=(const KmemCache&) = delete;
    // No object is in use any more, or nobody will give one back.
    ~KmemCache();

    // An object's address in the direct map; ENOMEM. Of its `requested_bytes` none has a known value.
    Result<VirtAddr> allocate() { return allocate(layout_.object_bytes); }
    Result<VirtAddr> allocate(std::uint32_t requested_bytes);
    void free(VirtAddr object);
    // The empty slab that is kept for the next object goes as well. Returns how many frames went.
    PageCount shrink();

    const std::string& name() const { return options_.name; }
    const SlabLayout& layout() const { return layout_; }
    SlabKind kind() const { return options_.kind; }
    // In use.
    std::uint64_t object_count() const { return object_count_; }
    // Used and free.
    std::uint64_t room_count() const { return room_count_; }
    std::uint64_t slab_count() const { return partial_.count() + full_.count() + (active_ != nullptr ? 1 : 0); }
    std::uint64_t partial_slab_count() const { return partial_.count(); }
    PageCount page_count() const { return pages_; }
    // Objects that a SlabObject holds.
    std::uint64_t handle_count() const { return handle_count_; }

    // Calls visit(slab) for each slab.
    template <class Visitor>
    void for_each_slab(Visitor&& visit) const {
        if (active_ != nullptr) visit(*active_);
        for (const SlabList* list : {&partial_, &full_}) {
            for (const Slab* slab = list->first(); slab != nullptr; slab = slab->next) visit(*slab);
        }
    }

    // The object in whose part of a slab `address` lies, which is in one of the cache's; nullopt: in none's.
    std::optional<VirtAddr> object_at(VirtAddr address) const;
    bool is_in_use(VirtAddr object) const;
    // The bytes of an object that may be written to: what was asked for with checks, all of it without (ksize()).
    std::uint32_t usable_bytes(VirtAddr object) const;

    // Recomputes everything, red zones and poison included; empty when all is well.
    std::optional<std::string> inconsistency() const;

private:
    friend class SlabObject;

    std::byte* bytes_of(std::uint64_t object) const;
    std::uint64_t address_of(const Slab& slab, std::uint32_t index) const;
    std::uint64_t next_free(std::uint64_t object) const;
    void set_next_free(std::uint64_t object, std::uint64_t next) const;
    Slab* new_slab();
    void build_freelist(Slab& slab) const;
    bool find_active();
    void release_slab(Slab& slab);
    std::optional<std::uint32_t> index_of(const Slab& slab, VirtAddr object) const;
    Slab* checked_slab_of(VirtAddr object);
    std::uint32_t requested_bytes(std::uint64_t object) const;
    void paint(std::uint64_t object, std::uint8_t red, std::uint32_t requested) const;
    std::optional<std::string> damage(std::uint64_t object, std::uint8_t red) const;
    std::optional<std::string> slab_inconsistency(const Slab& slab) const;

    SlabSurroundings& surroundings_;
    CacheOptions options_;
    SlabLayout layout_;
    Slab* active_ = nullptr;
    SlabList partial_, full_;
    std::uint64_t object_count_ = 0;
    std::uint64_t room_count_ = 0;
    std::uint64_t handle_count_ = 0;
    PageCount pages_;
};

// An object that somebody holds for as long as this lives: what a C++ object of ours takes of the machine's memory.
class SlabObject {
public:
    SlabObject() = default;
    SlabObject(SlabObject&& other) noexcept : cache_(std::exchange(other.cache_, nullptr)), address_(other.address_) {}
    SlabObject& operator=(SlabObject&& other) noexcept {
        std::swap(cache_, other.cache_);
        std::swap(address_, other.address_);
        return *this;
    }
    ~SlabObject() { reset(); }
    static Result<SlabObject> from(KmemCache& cache) { return from(cache, cache.layout().object_bytes); }
    static Result<SlabObject> from(KmemCache& cache, std::uint32_t requested_bytes);

    // False: it holds nothing.
    explicit operator bool() const { return cache_ != nullptr; }
    const KmemCache* cache() const { return cache_; }
    VirtAddr address() const { return address_; }
    void reset();

private:
    SlabObject(KmemCache& cache, VirtAddr address) : cache_(&cache), address_(address) { ++cache.handle_count_; }

    KmemCache* cache_ = nullptr;
    VirtAddr address_{};
};

}  // namespace fl::mm
