#include "mm/slab/kmem_cache.hpp"

#include "mm/kernel_layout.hpp"
#include "mm/physical_memory.hpp"
#include "tests/unit/mm/machine.hpp"

#include <cstring>
#include <map>
#include <random>
#include <stdexcept>

namespace fl::mm {

namespace {

struct Caught : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// A few frames and what bugs lead to: an exception that says the line.
struct Bench {
    explicit Bench(std::uint64_t frames = 16) : ram(test::make_ram(frames)), memory(ram) {
        surroundings.on_bug = [](const std::string& line) { throw Caught(line); };
    }

    std::byte* bytes(VirtAddr object) const { return ram.base() + physical_address(object).value(); }

    emu::Ram ram;
    PhysicalMemory memory;
    SlabSurroundings surroundings{.memory = memory, .on_bug = {}};
};

CacheOptions options_for(std::uint32_t object_bytes, SlabChecks checks, std::uint32_t align = 8) {
    return {.name = "example", .object_bytes = object_bytes, .align = align, .checks = checks};
}

template <class Action>
std::string bug_of(Action&& action) {
    try {
        action();
    } catch (const Caught& caught) {
        return caught.what();
    }
    return "";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// A cache beside what it should hold: each object is filled with a number of its own.
class Watched {
public:
    Watched(Bench& bench, CacheOptions options) : bench_(bench), cache_(bench.surroundings, std::move(options)) {}

    KmemCache& cache() { return cache_; }
    std::size_t live() const { return objects_.size(); }
    bool allocate() {
        const auto object = cache_.allocate();
        if (!object) return false;
        REQUIRE(object->value() % cache_.layout().align == 0);
        std::memset(bench_.bytes(*object), ++last_, cache_.layout().object_bytes);
        objects_.emplace_back(*object, last_);
        return true;
    }
    // The one that came as number `index` of those that live.
    void free(std::size_t index) {
        const auto [object, fill] = objects_[index];
        for (std::uint32_t i = 0; i < cache_.layout().object_bytes; ++i) {
            REQUIRE(bench_.bytes(object)[i] == std::byte{fill});
        }
        cache_.free(object);
        objects_.erase(objects_.begin() + static_cast<std::ptrdiff_t>(index));
    }
    void check() const {
        REQUIRE(cache_.inconsistency().value_or("") == "");
        REQUIRE(cache_.object_count() == objects_.size());
        REQUIRE(bench_.memory.buddy().inconsistency().value_or("") == "");
    }

private:
    Bench& bench_;
    KmemCache cache_;
    std::vector<std::pair<VirtAddr, std::uint8_t>> objects_;
    std::uint8_t last_ = 0;
};

// Step 0 is an allocation, step i the free of the object that came as number i of those that live. Each sequence runs
// from the start; its last step is looked at, as those before were in shorter sequences.
void run_all(std::uint32_t object_bytes, SlabChecks checks, std::size_t most_objects, unsigned length) {
    std::vector<std::size_t> steps;
    std::uint64_t sequences = 0;
    const auto run = [&] {
        Bench bench;
        const PageCount before = bench.memory.used_page_count();
        {
            Watched watched(bench, options_for(object_bytes, checks));
            for (const std::size_t step : steps) {
                if (step == 0) {
                    REQUIRE(watched.allocate());
                } else {
                    watched.free(step - 1);
                }
            }
            watched.check();
            ++sequences;
            while (watched.live() > 0) watched.free(0);
            watched.check();
            (void)watched.cache().shrink();
            REQUIRE(watched.cache().slab_count() == 0);
        }
        REQUIRE(bench.memory.used_page_count() == before);
    };
    const auto extend = [&](auto&& self, std::size_t live) -> void {
        if (!steps.empty()) run();
        if (steps.size() == length) return;
        for (std::size_t step = live < most_objects ? 0 : 1; step <= live; ++step) {
            steps.push_back(step);
            self(self, step == 0 ? live + 1 : live - 1);
            steps.pop_back();
        }
    };
    extend(extend, 0);
    CHECK(sequences > 40);
}

}  // namespace

TEST_CASE("slab layout: the orders and counts that /proc/slabinfo of Linux shows") {
    struct Example {
        std::uint32_t bytes, align;
        unsigned order;
        std::uint32_t objects;
    };
    // Of a kernel with one processor: the smallest slab with eight objects, or with little lost.
    for (const Example& e : {Example{8, 8, 0, 512}, Example{192, 64, 0, 21}, Example{512, 512, 0, 8},
                             Example{1024, 1024, 1, 8}, Example{8192, 4096, 3, 4}, Example{4288, 64, 3, 7},
                             Example{2112, 64, 3, 15}, Example{624, 8, 1, 13}, Example{584, 8, 1, 14}}) {
        CAPTURE(e.bytes);
        const SlabLayout layout = slab_layout(e.bytes, e.align, SlabChecks::off);
        CHECK(layout.bytes == e.bytes);
        CHECK(layout.order == e.order);
        CHECK(layout.objects_in(layout.order) == e.objects);
    }
    CHECK(slab_layout(4288, 64, SlabChecks::off).min_order == 1);
    CHECK(slab_layout(4288, 64, SlabChecks::off, 0).order == 1);
    CHECK(slab_layout(2112, 64, SlabChecks::off, 0).order == 0);
    // The link is in the middle of the object, out of the way of what runs over its ends.
    CHECK(slab_layout(192, 64, SlabChecks::off).offset == 96);
    CHECK(slab_layout(8, 8, SlabChecks::off).offset == 0);
    const SlabLayout checked = slab_layout(100, 8, SlabChecks::full);
    CHECK(checked.red_left == 8);
    CHECK(checked.inuse == 104);
    CHECK(checked.offset == 104);
    CHECK(checked.bytes == 8 + 104 + 16);
    // Even an object of whole words has a red zone behind it.
    CHECK(slab_layout(104, 8, SlabChecks::full).inuse == 112);
}

TEST_CASE("kmem_cache: every short sequence over two slabs of two, three and four objects") {
    run_all(2048, SlabChecks::off, 4, 7);
    run_all(1360, SlabChecks::off, 6, 6);
    run_all(1024, SlabChecks::off, 8, 6);
    run_all(1000, SlabChecks::full, 6, 5);
}

TEST_CASE("kmem_cache: long random sequences") {
    for (const SlabChecks checks : {SlabChecks::off, SlabChecks::full}) {
        for (const std::uint32_t bytes : {16U, 96U, 624U, 4288U}) {
            CAPTURE(bytes);
            Bench bench(64);
            const PageCount before = bench.memory.used_page_count();
            {
                std::mt19937 random(bytes);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same in every run
                Watched watched(bench, options_for(bytes, checks));
                bool ran_out = false;
                for (unsigned step = 0; step < 3000; ++step) {
                    // Waves: now more comes than goes, now less.
                    const bool grows = random() % 100 < (step / 300 % 2 == 0 ? 65 : 35);
                    if (grows || watched.live() == 0) {
                        ran_out = !watched.allocate() || ran_out;
                    } else {
                        watched.free(random() % watched.live());
                    }
                    if (step % 8 == 0) watched.check();
                }
                watched.check();
                CHECK((ran_out || bytes < 4288));
                while (watched.live() > 0) watched.free(random() % watched.live());
                watched.check();
                CHECK(watched.cache().slab_count() <= 1);
            }
            CHECK(bench.memory.used_page_count() == before);
        }
    }
}

TEST_CASE("kmem_cache: a full machine refuses, and loses nothing by it") {
    Bench bench(8);
    Watched watched(bench, options_for(2048, SlabChecks::off));
    while (watched.allocate()) watched.check();
    CHECK(bench.memory.buddy().free_page_count() == PageCount(0));
    const std::size_t most = watched.live();
    CHECK(most == 12);  // six frames: one is reserved, one the page of zeroes
    watched.free(5);
    CHECK(watched.allocate());
    CHECK_FALSE(watched.allocate());
    CHECK(watched.live() == most);
    watched.check();
    bench.surroundings.successes_left = 0;
    watched.free(0);
    CHECK_FALSE(watched.allocate());
    bench.surroundings.successes_left.reset();
    CHECK(watched.allocate());
}

TEST_CASE("kmem_cache: a smaller slab where no large one is free") {
    Bench bench(32);
    KmemCache cache(bench.surroundings, options_for(1360, SlabChecks::off));
    REQUIRE(cache.layout().order == 2);
    // Every second frame is taken.
    std::vector<Pfn> taken;
    while (const auto frame = bench.memory.allocate(FrameState::reserved, Fill::caller)) taken.push_back(*frame);
    for (const Pfn pfn : taken) {
        if (pfn.value() % 2 == 0) bench.memory.release(pfn);
    }
    const auto object = cache.allocate();
    REQUIRE(object.has_value());
    CHECK(cache.page_count() == PageCount(1));
    CHECK(cache.room_count() == 3);
    CHECK(cache.inconsistency().value_or("") == "");
    cache.free(*object);
}

TEST_CASE("kmem_cache: the frames of a slab lead to it") {
    Bench bench(32);
    KmemCache cache(bench.surroundings, options_for(1360, SlabChecks::off));
    const auto object = cache.allocate();
    REQUIRE(object.has_value());
    const Pfn pfn = physical_address(*object).pfn();
    for (std::uint64_t i = 0; i < 4; ++i) {
        const Frame& frame = bench.memory.frames()[Pfn((pfn.value() & ~std::uint64_t{3}) + i)];
        CHECK(frame.state == FrameState::slab);
        REQUIRE(frame.slab() != nullptr);
        CHECK(frame.slab()->cache == &cache);
    }
    CHECK(cache.object_at(*object + 1359) == *object);
    CHECK(cache.object_at(*object + 1360) == *object + 1360);
    CHECK(cache.is_in_use(*object));
    CHECK_FALSE(cache.is_in_use(*object + 1360));
    cache.free(*object);
}

TEST_CASE("kmem_cache: what nobody may do is named in one line") {
    for (const SlabChecks checks : {SlabChecks::off, SlabChecks::full}) {
        Bench bench(32);
        KmemCache cache(bench.surroundings, options_for(64, checks, 64));
        KmemCache other(bench.surroundings, {.name = "other", .object_bytes = 64, .checks = checks});
        const VirtAddr object = *cache.allocate(), kept = *cache.allocate(), foreign = *other.allocate();
        cache.free(object);
        CHECK(contains(bug_of([&] { cache.free(object); }), "which is free already"));
        CHECK(contains(bug_of([&] { cache.free(foreign); }), "which belongs to other"));
        CHECK(contains(bug_of([&] { cache.free(kept + 8); }), "which is not the start of an object"));
        CHECK(contains(bug_of([&] { cache.free(VirtAddr(0x1000)); }), "which is not in the direct map"));
        CHECK(contains(bug_of([&] { cache.free(page_offset_base + (std::uint64_t{1} << 30)); }),
                       "which lies beyond RAM"));
        CHECK(contains(bug_of([&] { cache.free(page_offset_base + 8); }), "which is in no slab"));
        CHECK(cache.inconsistency().value_or("") == "");
        cache.free(kept);
        other.free(foreign);
    }
}

TEST_CASE("kmem_cache: without a handler a bug ends the emulator") {
    CHECK(test::asserts([] {
        emu::Ram ram = test::make_ram(16);
        PhysicalMemory memory(ram);
        SlabSurroundings surroundings{.memory = memory, .on_bug = {}};
        KmemCache cache(surroundings, options_for(64, SlabChecks::off));
        const VirtAddr object = *cache.allocate();
        cache.free(object);
        cache.free(object);
    }));
}

TEST_CASE("kmem_cache: with checks, bytes written where nobody may write are found") {
    Bench bench(32);
    KmemCache cache(bench.surroundings, options_for(100, SlabChecks::full));
    const VirtAddr object = *cache.allocate(), neighbour = *cache.allocate();
    // What nobody has written yet reads as poison.
    CHECK(bench.bytes(object)[0] == std::byte{poison_free});
    CHECK(bench.bytes(object)[99] == std::byte{poison_end});
    std::memset(bench.bytes(object), 1, 100);
    CHECK(cache.inconsistency().value_or("") == "");

    bench.bytes(object)[100] = std::byte{1};
    CHECK(contains(cache.inconsistency().value_or(""), "right red zone overwritten"));
    CHECK(contains(bug_of([&] { cache.free(object); }), "right red zone overwritten"));
    bench.bytes(object)[100] = std::byte{red_active};
    bench.bytes(object)[-1] = std::byte{1};
    CHECK(contains(bug_of([&] { cache.free(object); }), "left red zone overwritten"));
    bench.bytes(object)[-1] = std::byte{red_active};
    cache.free(object);

    bench.bytes(object)[50] = std::byte{1};
    CHECK(contains(cache.inconsistency().value_or(""), "poison overwritten after free"));
    CHECK(contains(bug_of([&] { (void)cache.allocate(); }), "poison overwritten after free"));
    bench.bytes(object)[50] = std::byte{poison_free};
    bench.bytes(object)[99] = std::byte{1};
    CHECK(contains(cache.inconsistency().value_or(""), "poison overwritten after free"));
    bench.bytes(object)[99] = std::byte{poison_end};
    CHECK(cache.inconsistency().value_or("") == "");
    cache.free(neighbour);
}

TEST_CASE("kmem_cache: a free list that was written over is found before it leads astray") {
    Bench bench(32);
    KmemCache cache(bench.surroundings, options_for(64, SlabChecks::off));
    const VirtAddr object = *cache.allocate();
    cache.free(object);
    const std::uint64_t wrong = object.value() + 8;
    std::uint64_t right = 0;
    std::memcpy(&right, bench.bytes(object) + cache.layout().offset, sizeof right);
    std::memcpy(bench.bytes(object) + cache.layout().offset, &wrong, sizeof wrong);
    CHECK(contains(cache.inconsistency().value_or(""), "its free list leads to"));
    CHECK(*cache.allocate() == object);
    CHECK(contains(bug_of([&] { (void)cache.allocate(); }), "which is no free object of the slab"));
}

}  // namespace fl::mm
