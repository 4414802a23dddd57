// mm_bench: the memory manager's own operations, without a guest: how VMA operations grow with the number of VMAs,
// the copy-on-write faults after a fork beside the host's, what the kernel's own allocators take, vmalloc among them,
// and what accounting for the kernel's objects costs.
#include "emu/mmu.hpp"
#include "mm/fault_handler.hpp"
#include "mm/kernel_space.hpp"
#include "mm/slab/slab_allocator.hpp"

#include <benchmark/benchmark.h>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <optional>
#include <random>
#include <vector>

namespace {

using namespace fl;
using Clock = std::chrono::steady_clock;

constexpr mm::ResourceLimits no_limits{};
constexpr std::uint64_t private_anonymous = mm::map_private | mm::map_anonymous;
constexpr VirtAddr base{0x10'0000'0000};

template <class T>
T must(Result<T> result) {
    if (!result) std::abort();
    return std::move(*result);
}

struct Space {
    explicit Space(std::uint64_t frames)
        : ram(std::move(*emu::Ram::create(PageCount(frames)))),
          memory(ram),
          files(memory),
          mmu(ram),
          faults(memory),
          mm(must(mm::MmStruct::create(memory, files, no_limits))) {
        faults.set_mm(mm.get());
    }

    void map(VirtAddr at, std::uint64_t pages, std::uint64_t flags = private_anonymous | mm::map_fixed) const {
        must(mm->map(mm::MapRequest{
            .hint = at, .length_bytes = pages * page_size, .prot = mm::prot_read | mm::prot_write, .flags = flags}));
    }
    // What the processor does for a store: walk, fault, walk again.
    void store(mm::MmStruct& in, VirtAddr address) {
        const Pfn root = in.page_table().root();
        auto walked = mmu.translate(root, address, emu::Access::write, emu::Mode::user);
        while (!walked) {
            const emu::PageFault fault{address, emu::Access::write, emu::Mode::user, walked.error()};
            if (faults.handle_page_fault(fault) == emu::FaultOutcome::fatal) std::abort();
            walked = mmu.translate(root, address, emu::Access::write, emu::Mode::user);
        }
        benchmark::DoNotOptimize(walked);
    }

    emu::Ram ram;
    mm::PhysicalMemory memory;
    mm::FileRegistry files;
    emu::Mmu mmu;
    mm::FaultHandler faults;
    std::unique_ptr<mm::MmStruct> mm;
};

// Every second page is a VMA, the pages between are holes.
void map_spread(Space& space, std::uint64_t vmas) {
    for (std::uint64_t i = 0; i < vmas; ++i) space.map(base + 2 * i * page_size, 1);
}

std::vector<VirtAddr> random_addresses(std::uint64_t vmas) {
    std::mt19937_64 random(1);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same places in every run
    std::vector<VirtAddr> addresses(4096, base);
    for (VirtAddr& address : addresses) address = base + (random() % (2 * vmas)) * page_size;
    return addresses;
}

void vma_find(benchmark::State& state) {
    const auto vmas = static_cast<std::uint64_t>(state.range(0));
    Space space(64);
    map_spread(space, vmas);
    const auto addresses = random_addresses(vmas);
    std::size_t next = 0;
    for ([[maybe_unused]] auto _ : state)
        benchmark::DoNotOptimize(space.mm->vmas().find(addresses[next++ % addresses.size()]));
}

// One page into a random hole and out again, where it touches no neighbour of the same rights.
void vma_insert_and_remove(benchmark::State& state) {
    const auto vmas = static_cast<std::uint64_t>(state.range(0));
    Space space(64);
    map_spread(space, vmas);
    const auto addresses = random_addresses(vmas);
    std::size_t next = 0;
    for ([[maybe_unused]] auto _ : state) {
        const VirtAddr hole((addresses[next++ % addresses.size()].value() & ~(2 * page_size - 1)) + page_size);
        must(space.mm->map(mm::MapRequest{.hint = hole,
                                          .length_bytes = page_size,
                                          .prot = mm::prot_read,
                                          .flags = private_anonymous | mm::map_fixed}));
        must(space.mm->unmap(hole, page_size).map([] { return 0; }));
    }
}

// The search for two pages of room where every hole is one page large.
void get_unmapped_area(benchmark::State& state) {
    const auto vmas = static_cast<std::uint64_t>(state.range(0));
    Space space(64);
    const VirtAddr top = space.mm->mmap_base();
    for (std::uint64_t i = 1; i <= vmas; ++i) space.map(top - 2 * i * page_size, 1);
    for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(space.mm->find_free_range(2 * page_size));
}

// --- the kernel's own memory -----------------------------------------------------------------------------------------

void buddy_page(benchmark::State& state) {
    Space space(4096);
    for ([[maybe_unused]] auto _ : state) {
        const Pfn pfn = must(space.memory.allocate(mm::FrameState::reserved, mm::Fill::caller));
        benchmark::DoNotOptimize(pfn);
        space.memory.release(pfn);
    }
}

void kmalloc_and_kfree(benchmark::State& state) {
    Space space(4096);
    mm::SlabAllocator slab(space.memory);
    const auto size_bytes = static_cast<std::uint64_t>(state.range(0));
    for ([[maybe_unused]] auto _ : state) {
        const VirtAddr object = must(slab.kmalloc(size_bytes));
        benchmark::DoNotOptimize(object);
        slab.kfree(object);
    }
}

// A thousand objects come, and go in another order: slabs fill up, empty, and are given back.
void kmalloc_in_waves(benchmark::State& state) {
    constexpr std::size_t wave = 1000;
    Space space(4096);
    mm::SlabAllocator slab(space.memory);
    const auto size_bytes = static_cast<std::uint64_t>(state.range(0));
    std::vector<VirtAddr> objects(wave, VirtAddr(0));
    for ([[maybe_unused]] auto _ : state) {
        for (VirtAddr& object : objects) object = must(slab.kmalloc(size_bytes));
        constexpr std::size_t stride = 7;  // has no factor in common with the wave
        for (std::size_t i = 0; i < wave; ++i) slab.kfree(objects[i * stride % wave]);
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(wave));
}

// One page mapped and unmapped, with and without a vm_area_struct that it takes.
void map_and_unmap(benchmark::State& state) {
    emu::Ram ram(std::move(*emu::Ram::create(PageCount(4096))));
    mm::PhysicalMemory memory(ram);
    std::optional<mm::SlabAllocator> slab;
    if (state.range(0) != 0) slab.emplace(memory);
    mm::FileRegistry files(memory);
    const auto mm = must(mm::MmStruct::create(memory, files, no_limits));
    for ([[maybe_unused]] auto _ : state) {
        must(mm->map(mm::MapRequest{.hint = base,
                                    .length_bytes = page_size,
                                    .prot = mm::prot_read,
                                    .flags = private_anonymous | mm::map_fixed}));
        must(mm->unmap(base, page_size).map([] { return 0; }));
    }
}

constexpr std::uint64_t cow_pages = 4096;

// Time per page that the child copies; fork and exit are not part of it.
void cow_after_fork(benchmark::State& state) {
    Space space(16 * cow_pages);
    space.map(base, cow_pages);
    for (std::uint64_t i = 0; i < cow_pages; ++i) space.store(*space.mm, base + i * page_size);
    for ([[maybe_unused]] auto _ : state) {
        const auto child = must(space.mm->fork());
        space.faults.set_mm(child.get());
        const auto start = Clock::now();
        for (std::uint64_t i = 0; i < cow_pages; ++i) space.store(*child, base + i * page_size);
        state.SetIterationTime(std::chrono::duration<double>(Clock::now() - start).count());
        space.faults.set_mm(space.mm.get());
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(cow_pages));
}

void cow_after_fork_host(benchmark::State& state) {
    constexpr std::size_t size_bytes = cow_pages * page_size;
    auto* pages = static_cast<volatile char*>(
        ::mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    auto* seconds =
        static_cast<double*>(::mmap(nullptr, page_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    if (pages == MAP_FAILED || seconds == MAP_FAILED) std::abort();
    ::madvise(const_cast<char*>(pages), size_bytes, MADV_NOHUGEPAGE);
    for (std::uint64_t i = 0; i < cow_pages; ++i) pages[i * page_size] = 1;
    for ([[maybe_unused]] auto _ : state) {
        const pid_t child = ::fork();
        if (child < 0) std::abort();
        if (child == 0) {
            const auto start = Clock::now();
            for (std::uint64_t i = 0; i < cow_pages; ++i) pages[i * page_size] = 2;
            *seconds = std::chrono::duration<double>(Clock::now() - start).count();
            ::_exit(0);
        }
        int status = 0;
        if (::waitpid(child, &status, 0) != child || status != 0) std::abort();
        state.SetIterationTime(*seconds);
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(cow_pages));
    ::munmap(const_cast<char*>(pages), size_bytes);
    ::munmap(seconds, page_size);
}

// An area of so many KiB comes and goes, from frames whose host memory is warm.
void vmalloc_and_vfree(benchmark::State& state) {
    const auto size_bytes = static_cast<std::uint64_t>(state.range(0)) * 1024;
    constexpr PageCount frames{16384};
    emu::Ram ram = std::move(*emu::Ram::create(frames));
    mm::PhysicalMemory memory(ram, mm::KernelSpace::boot_memory(frames));
    mm::KernelSpace space(memory);
    for ([[maybe_unused]] auto _ : state) {
        const VirtAddr area = must(space.vmalloc().allocate({.size_bytes = size_bytes, .caller = "mm_bench"}));
        benchmark::DoNotOptimize(area);
        space.vmalloc().free(area);
    }
}

}  // namespace

BENCHMARK(vma_find)->Arg(64)->Arg(1024)->Arg(8192)->Arg(60000);
BENCHMARK(vma_insert_and_remove)->Arg(64)->Arg(1024)->Arg(8192)->Arg(60000);
BENCHMARK(get_unmapped_area)->Arg(64)->Arg(1024)->Arg(8192)->Arg(60000);
BENCHMARK(vmalloc_and_vfree)->Arg(4)->Arg(16)->Arg(4096);
BENCHMARK(buddy_page);
BENCHMARK(kmalloc_and_kfree)->Arg(8)->Arg(64)->Arg(192)->Arg(1024)->Arg(8192);
BENCHMARK(kmalloc_in_waves)->Arg(64)->Arg(1024);
BENCHMARK(map_and_unmap)->ArgName("accounted")->Arg(0)->Arg(1);
BENCHMARK(cow_after_fork)->UseManualTime();
BENCHMARK(cow_after_fork_host)->UseManualTime();
BENCHMARK_MAIN();
