#include "kernel/host_heap.hpp"

#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <vector>

using namespace fl::kernel;

#if !defined(__SANITIZE_ADDRESS__)

TEST_CASE("what is allocated counts until it is given back") {
    struct alignas(64) Aligned {
        std::array<std::byte, 4096> bytes;
    };
    constexpr std::size_t count = 100, bytes = 4096;
    const std::uint64_t before = HostHeap::bytes_in_use();
    {
        std::vector<std::unique_ptr<std::array<std::byte, bytes>>> plain(count);
        std::vector<std::unique_ptr<Aligned>> aligned(count);
        for (auto& one : plain) one = std::make_unique<std::array<std::byte, bytes>>();
        for (auto& one : aligned) one = std::make_unique<Aligned>();
        CHECK(HostHeap::bytes_in_use() >= before + 2 * count * bytes);
        CHECK(HostHeap::bytes_in_use() < before + 3 * count * bytes);
    }
    CHECK(HostHeap::bytes_in_use() == before);
}

#else

TEST_CASE("AddressSanitizer's allocator is left alone, and nothing counted") {
    const auto block = std::make_unique<std::array<std::byte, 4096>>();
    CHECK(block != nullptr);
    CHECK(HostHeap::bytes_in_use() == 0);
}

#endif
