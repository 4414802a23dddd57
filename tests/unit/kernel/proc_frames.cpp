#include "kernel/proc_frames.hpp"

#include "swapping_machine.hpp"

#include <array>

using namespace fl;
using namespace fl::mm;
using namespace fl::mm::test;

namespace {

std::span<std::byte> bytes_of(std::span<std::uint64_t> words) { return std::as_writable_bytes(words); }

struct Words {
    std::uint64_t read_bytes = 0;
    std::array<std::uint64_t, 3> words{0x55, 0x55, 0x55};
};

Words pagemap(const Machine& machine, VirtAddr first) {
    Words result;
    const auto read = kernel::read_pagemap(*machine.mm, first.vpn().value() * 8, bytes_of(result.words));
    REQUIRE(read.has_value());
    result.read_bytes = *read;
    return result;
}

// A word of pagemap without its frame number.
std::uint64_t attributes(std::uint64_t word) { return word >> 55 << 55; }

std::uint64_t page_flags(const Machine& machine, Pfn pfn) {
    const MmStruct* const spaces[] = {machine.mm.get()};
    std::uint64_t word = 0;
    const auto read = kernel::read_kpageflags(machine.memory, spaces, pfn.value() * 8, bytes_of(std::span(&word, 1)));
    CHECK(read == 8U);
    return word;
}

std::uint64_t map_count(const Machine& machine, Pfn pfn) {
    std::uint64_t word = 0;
    CHECK(kernel::read_kpagecount(machine.memory, pfn.value() * 8, bytes_of(std::span(&word, 1))) == 8U);
    return word;
}

}  // namespace

TEST_CASE("pagemap: a page of its own, the page of zeroes, a page that is not there") {
    Machine machine;
    REQUIRE(machine.map(page(0), 3));
    machine.write(page(0));
    machine.read(page(1));
    const Words result = pagemap(machine, page(0));
    CHECK(result.read_bytes == 24);
    CHECK(result.words[0] == (1ULL << 63 | 1ULL << 56 | machine.pte(page(0)).pfn().value()));
    CHECK(result.words[1] == (1ULL << 63 | machine.memory.zero_page().value()));
    CHECK(result.words[2] == 0);
}

TEST_CASE("pagemap: file and shared memory are bit 61, exclusive while mapped once; PROT_NONE hides nothing") {
    Machine machine;
    const auto file = machine.open(numbered_pages(2 * page_size));
    REQUIRE(machine.map(page(0), 2, read_write, map_private | map_fixed, file));
    REQUIRE(machine.map(page(2), 1, read_write, map_shared | map_anonymous | map_fixed));
    machine.read(page(0));
    machine.write(page(1));
    machine.write(page(2));
    REQUIRE(machine.mm->protect(page(2), page_size, 0));
    const Words once = pagemap(machine, page(0));
    CHECK(attributes(once.words[0]) == (1ULL << 63 | 1ULL << 61 | 1ULL << 56));
    CHECK(attributes(once.words[1]) == (1ULL << 63 | 1ULL << 56));
    CHECK(attributes(once.words[2]) == (1ULL << 63 | 1ULL << 61 | 1ULL << 56));

    REQUIRE(machine.map(page(8), 1, prot_read, map_shared | map_fixed, file));
    machine.read(page(8));
    CHECK(attributes(pagemap(machine, page(0)).words[0]) == (1ULL << 63 | 1ULL << 61));
    CHECK(map_count(machine, machine.pte(page(0)).pfn()) == 2);
}

TEST_CASE("pagemap: a page in swap is its slot; of shared memory in swap the table knows nothing") {
    SwappingMachine machine;
    REQUIRE(machine->map(page(0), 2));
    REQUIRE(machine->map(page(2), 1, read_write, anonymous_shared));
    for (std::uint64_t i = 0; i < 3; ++i) machine->write(page(i));
    machine.page_out(page(0), 3);
    const Words words = pagemap(*machine, page(0));
    for (std::uint64_t i = 0; i < 2; ++i) {
        CHECK(words.words[i] == (1ULL << 62 | machine->pte(page(i)).slot().value() << 5));
    }
    CHECK(words.words[0] != words.words[1]);
    CHECK(words.words[2] == 0);
}

TEST_CASE("kpageflags: the swap cache, and private memory that differs from its slot") {
    using namespace kernel;
    SwappingMachine machine;
    REQUIRE(machine->map(page(0), 1));
    machine->write(page(0));
    const std::uint64_t own = kpf_uptodate | kpf_lru | kpf_anon | kpf_swapbacked | kpf_mmap;
    CHECK(page_flags(*machine, machine->pte(page(0)).pfn()) == own);
    machine.page_out(page(0));
    machine->read(page(0));
    CHECK(page_flags(*machine, machine->pte(page(0)).pfn()) == (own | kpf_swapcache));
    // Who comes back to be written to gives up its slot, and has no other place than its frame.
    machine.page_out(page(0));
    machine->write(page(0));
    CHECK(page_flags(*machine, machine->pte(page(0)).pfn()) == (own | kpf_dirty));
    REQUIRE(machine->mm->advise(page(0), page_size, madv_free).has_value());
    CHECK((page_flags(*machine, machine->pte(page(0)).pfn()) & kpf_swapbacked) == 0);
}

TEST_CASE("kpageflags: a file's page that read(2) touched, and one that never leaves memory") {
    using namespace kernel;
    Machine machine;
    const auto file = machine.open(numbered_pages(page_size));
    std::array<std::byte, 1> byte{};
    REQUIRE(file->read(0, byte));
    CHECK(page_flags(machine, *file->cached(0)) == (kpf_uptodate | kpf_lru | kpf_referenced));
    const auto kept = machine.files.create(FileIdentity{.path = "/tmp/a"}, FileKind::memory);
    REQUIRE(kept->write(0, byte));
    CHECK(page_flags(machine, *kept->cached(0)) ==
          (kpf_uptodate | kpf_lru | kpf_referenced | kpf_dirty | kpf_unevictable));
    const auto shared = machine.files.create({.path = "/SYSV"}, FileKind::shared_memory, page_size);
    REQUIRE(shared->write(0, byte));
    for (const bool locked : {true, false}) {
        shared->set_locked(locked);
        CHECK(((page_flags(machine, *shared->cached(0)) & kpf_unevictable) != 0) == locked);
    }
}

TEST_CASE("pagemap: whole words only, and an end where the user half ends") {
    const Machine machine;
    std::array<std::uint64_t, 2> words{1, 1};
    CHECK(outcome(kernel::read_pagemap(*machine.mm, 4, bytes_of(words))) == "EINVAL");
    CHECK(outcome(kernel::read_pagemap(*machine.mm, 0, bytes_of(words).first(7))) == "EINVAL");
    CHECK(kernel::read_pagemap(*machine.mm, 0, bytes_of(words).first(0)) == 0U);
    const std::uint64_t end = task_size.vpn().value() * 8;
    CHECK(kernel::read_pagemap(*machine.mm, end - 8, bytes_of(words)) == 8U);
    CHECK(words == std::array<std::uint64_t, 2>{0, 1});
    CHECK(kernel::read_pagemap(*machine.mm, end, bytes_of(words)) == 0U);
    CHECK(kernel::read_pagemap(*machine.mm, ~std::uint64_t{7}, bytes_of(words)) == 0U);
}

TEST_CASE("kpageflags: what each frame is used for") {
    Machine machine;
    const auto file = machine.open(numbered_pages(2 * page_size));
    REQUIRE(machine.map(page(0), 1, prot_read, map_private | map_fixed, file));
    REQUIRE(machine.map(page(2), 1));
    REQUIRE(machine.map(page(4), 1, read_write, map_shared | map_anonymous | map_fixed));
    machine.read(page(0));
    machine.write(page(2));
    machine.write(page(4));
    using namespace kernel;
    CHECK(page_flags(machine, Pfn(0)) == kpf_reserved);
    CHECK(page_flags(machine, machine.memory.zero_page()) == (kpf_reserved | kpf_zero_page));
    CHECK(page_flags(machine, machine.mm->page_table().root()) == kpf_pgtable);
    CHECK(page_flags(machine, machine.pte(page(0)).pfn()) == (kpf_uptodate | kpf_lru | kpf_mmap));
    const auto unmapped = file->read_page(1);
    REQUIRE(unmapped.has_value());
    CHECK(page_flags(machine, *unmapped) == (kpf_uptodate | kpf_lru));
    CHECK(page_flags(machine, machine.pte(page(2)).pfn()) == 0x5828);
    CHECK((page_flags(machine, machine.pte(page(4)).pfn()) & ~kpf_dirty) == (0x4808 | kpf_lru));
    CHECK(page_flags(machine, Pfn(63)) == kpf_buddy);
}

TEST_CASE("kpagecount, kpageflags, kpagecgroup: one word for each frame, and no more") {
    const Machine machine(16);
    std::array<std::uint64_t, 17> words{};
    words.fill(0x55);
    CHECK(kernel::read_kpagecgroup(machine.memory, 0, bytes_of(words)) == 16U * 8);
    CHECK(words[15] == 0);
    CHECK(words[16] == 0x55);
    CHECK(kernel::read_kpagecount(machine.memory, std::uint64_t{16} * 8, bytes_of(words)) == 0U);
    CHECK(outcome(kernel::read_kpagecount(machine.memory, 2, bytes_of(words))) == "EINVAL");
    CHECK(outcome(kernel::read_kpageflags(machine.memory, {}, 0, bytes_of(words).first(9))) == "EINVAL");
}
