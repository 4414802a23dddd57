#include "mm/slab/slab_allocator.hpp"

#include "mm/free_pages.hpp"
#include "tests/unit/mm/machine.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <stdexcept>

namespace fl::mm {

namespace {

struct Kernel {
    explicit Kernel(std::uint64_t frames, SlabChecks checks = SlabChecks::off)
        : ram(test::make_ram(frames)), memory(ram), slab(memory, checks) {}

    std::byte* bytes(VirtAddr object) const { return ram.base() + physical_address(object).value(); }
    std::string broken() const {
        std::string text = slab.inconsistency().value_or("");
        return text + memory.buddy().inconsistency().value_or("");
    }

    emu::Ram ram;
    PhysicalMemory memory;
    SlabAllocator slab;
};

}  // namespace

TEST_CASE("kmalloc: the size classes of Linux") {
    Kernel kernel(512);
    for (const auto& [bytes, size] : {std::pair{1, 8},
                                      {8, 8},
                                      {9, 16},
                                      {17, 32},
                                      {33, 64},
                                      {64, 64},
                                      {65, 96},
                                      {96, 96},
                                      {97, 128},
                                      {129, 192},
                                      {192, 192},
                                      {193, 256},
                                      {256, 256},
                                      {257, 512},
                                      {1000, 1024},
                                      {1025, 2048},
                                      {4096, 4096},
                                      {4097, 8192},
                                      {8192, 8192}}) {
        CAPTURE(bytes);
        const auto object = kernel.slab.kmalloc(static_cast<std::uint64_t>(bytes));
        REQUIRE(object.has_value());
        CHECK(is_direct_map_address(*object));
        CHECK(kernel.slab.ksize(*object) == static_cast<std::uint64_t>(size));
        CHECK(object->value() % static_cast<std::uint64_t>(size & -size) == 0);
        kernel.slab.kfree(*object);
    }
    CHECK(kernel.broken().empty());
    CHECK(kernel.slab.object_count() == 0);
}

TEST_CASE("kmalloc: beyond the largest class whole blocks, and nothing beyond those") {
    Kernel kernel(64);
    const PageCount before = kernel.memory.used_page_count();
    const auto block = kernel.slab.kmalloc(8193);
    REQUIRE(block.has_value());
    CHECK(kernel.slab.ksize(*block) == 4 * page_size);
    CHECK(block->value() % (4 * page_size) == 0);
    CHECK(kernel.memory.used_page_count() == before + PageCount(4));
    CHECK(kernel.slab.unreclaimable_page_count() == PageCount(4));
    CHECK(kernel.slab.block_count() == 1);
    CHECK(kernel.broken().empty());
    CHECK(test::outcome(kernel.slab.kmalloc(SlabAllocator::max_bytes + 1)) == "ENOMEM");
    CHECK(test::outcome(kernel.slab.kmalloc(64 * page_size)) == "ENOMEM");
    kernel.slab.kfree(*block);
    CHECK(kernel.memory.used_page_count() == before);
    CHECK(kernel.broken().empty());
}

TEST_CASE("kmalloc: nothing of no bytes, zeroes where they are asked for, frees of nothing") {
    Kernel kernel(64, SlabChecks::full);
    const auto nothing = kernel.slab.kmalloc(0);
    REQUIRE(nothing.has_value());
    CHECK(kernel.slab.ksize(*nothing) == 0);
    kernel.slab.kfree(*nothing);
    kernel.slab.kfree(VirtAddr(0));
    const auto zeroes = kernel.slab.kzalloc(50);
    REQUIRE(zeroes.has_value());
    CHECK(
        std::all_of(kernel.bytes(*zeroes), kernel.bytes(*zeroes) + 50, [](std::byte b) { return b == std::byte{0}; }));
    // What was asked for is what may be used: the rest of the class is red zone.
    CHECK(kernel.slab.ksize(*zeroes) == 50);
    kernel.bytes(*zeroes)[50] = std::byte{0};
    CHECK(kernel.slab.inconsistency().value_or("").find("right red zone") != std::string::npos);
    kernel.bytes(*zeroes)[50] = std::byte{red_active};
    CHECK(kernel.broken().empty());
    kernel.slab.kfree(*zeroes);
}

TEST_CASE("kfree: of what is no start of anything") {
    Kernel kernel(64);
    std::string told;
    kernel.slab.set_bug_handler([&told](const std::string& line) { told = line; });
    const auto told_of = [&](VirtAddr address) {
        told.clear();
        kernel.slab.kfree(address);
        return told;
    };
    const VirtAddr block = *kernel.slab.kmalloc(3 * page_size), object = *kernel.slab.kmalloc(100);
    CHECK(told_of(VirtAddr(0x1234)).find("which is not in the direct map") != std::string::npos);
    CHECK(told_of(page_offset_base).find("which is in no slab") != std::string::npos);
    CHECK(told_of(page_offset_base + (std::uint64_t{1} << 40)).find("beyond RAM") != std::string::npos);
    CHECK(told_of(block + page_size).find("which is not the start of its block") != std::string::npos);
    CHECK(told_of(object + 8).find("kmalloc-128: free of") == 0);
    CHECK(kernel.broken().empty());
    CHECK(told_of(object).empty());
    CHECK(told_of(object).find("which is free already") != std::string::npos);
    CHECK(told_of(block).empty());
    CHECK(kernel.broken().empty());
}

TEST_CASE("kmalloc: long random sequences of all sizes") {
    for (const SlabChecks checks : {SlabChecks::off, SlabChecks::full}) {
        Kernel kernel(96, checks);
        const PageCount before = kernel.memory.used_page_count();
        std::mt19937 random(5);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same in every run
        struct Held {
            VirtAddr at;
            std::uint64_t bytes;
            std::uint8_t fill;
        };
        std::vector<Held> held;
        const auto give_back = [&](std::size_t index) {
            const Held gone = held[index];
            for (std::uint64_t i = 0; i < gone.bytes; ++i) REQUIRE(kernel.bytes(gone.at)[i] == std::byte{gone.fill});
            kernel.slab.kfree(gone.at);
            held.erase(held.begin() + static_cast<std::ptrdiff_t>(index));
        };
        std::uint64_t refused = 0;
        for (unsigned step = 0; step < 4000; ++step) {
            const bool grows = random() % 100 < (step / 500 % 2 == 0 ? 60 : 40);
            if (grows || held.empty()) {
                const std::uint64_t bytes = 1 + (std::uint64_t{1} << (random() % 15)) * (random() % 64 + 32) / 64;
                const auto fill = static_cast<std::uint8_t>(random());
                if (const auto object = kernel.slab.kmalloc(bytes)) {
                    std::memset(kernel.bytes(*object), fill, bytes);
                    held.push_back({*object, bytes, fill});
                } else {
                    ++refused;
                }
            } else {
                give_back(random() % held.size());
            }
            if (step % 16 == 0) REQUIRE(kernel.broken() == "");
        }
        CHECK(refused > 0);
        while (!held.empty()) give_back(random() % held.size());
        (void)kernel.slab.shrink();
        CHECK(kernel.broken() == "");
        CHECK(kernel.slab.page_count() == PageCount(0));
        CHECK(kernel.memory.used_page_count() == before);
    }
}

TEST_CASE("a SlabObject holds an object for as long as it lives") {
    Kernel kernel(64);
    const KmemCache& tasks = kernel.slab.cache(KernelObject::task_struct);
    CHECK(tasks.name() == "task_struct");
    {
        auto first = new_kernel_object(kernel.memory, KernelObject::task_struct);
        REQUIRE(first.has_value());
        CHECK(tasks.object_count() == 1);
        SlabObject second = std::move(*first);
        CHECK_FALSE(static_cast<bool>(*first));
        CHECK(second.cache() == &tasks);
        CHECK(kernel.broken().empty());
        second = SlabObject();
        CHECK(tasks.object_count() == 0);
        second = std::move(*new_kernel_object(kernel.memory, KernelObject::pid));
        CHECK(kernel.slab.cache(KernelObject::pid).handle_count() == 1);
    }
    CHECK(kernel.slab.object_count() == 0);
    CHECK(kernel.broken().empty());
    kernel.slab.fail_after(0);
    CHECK(test::outcome(new_kernel_object(kernel.memory, KernelObject::pid)) == "ENOMEM");
}

TEST_CASE("a machine without a slab allocator accounts for nothing") {
    emu::Ram ram = test::make_ram(16);
    PhysicalMemory memory(ram);
    const PageCount before = memory.used_page_count();
    const auto object = new_kernel_object(memory, KernelObject::task_struct);
    REQUIRE(object.has_value());
    CHECK_FALSE(static_cast<bool>(*object));
    CHECK(memory.used_page_count() == before);
}

TEST_CASE("get_free_pages: blocks by their address in the direct map") {
    Kernel kernel(32);
    const PageCount before = kernel.memory.used_page_count();
    const auto pages = get_free_pages(kernel.memory, 2, Fill::zeroed);
    REQUIRE(pages.has_value());
    CHECK(pages->value() % (4 * page_size) == 0);
    CHECK(kernel.memory.used_page_count() == before + PageCount(4));
    free_pages(kernel.memory, *pages, 2);
    CHECK(kernel.memory.used_page_count() == before);
    CHECK(test::outcome(get_free_pages(kernel.memory, 5)) == "ENOMEM");
}

TEST_CASE("kernel memory: with a slab allocator what fills no page is kmalloc's") {
    Kernel kernel(64);
    auto charge = kernel.memory.kernel_memory().charge(page_size + 100);
    REQUIRE(charge.has_value());
    CHECK(charge->bytes() == page_size + 100);
    CHECK(kernel.memory.kernel_memory().charged_bytes() == page_size);
    CHECK(kernel.slab.object_count() == 1);
    KernelCharge moved = std::move(*charge);
    CHECK(kernel.slab.object_count() == 1);
    moved = KernelCharge();
    CHECK(kernel.slab.object_count() == 0);
    CHECK(kernel.memory.kernel_memory().charged_bytes() == 0);
    // A sixteenth of RAM is left to others.
    std::vector<KernelCharge> charges;
    for (;;) {
        auto more = kernel.memory.kernel_memory().charge(2000);
        if (!more) break;
        charges.push_back(std::move(*more));
    }
    CHECK(kernel.memory.buddy().free_page_count() == PageCount(4));
    CHECK(kernel.broken().empty());
}

}  // namespace fl::mm
