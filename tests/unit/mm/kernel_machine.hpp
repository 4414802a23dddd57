// A machine with a kernel half, for the tests of mm; its address spaces map nothing unless a test does.
#pragma once

#include "mm/kernel_space.hpp"
#include "tests/unit/mm/machine.hpp"

namespace fl::mm::test {

class KernelMachine {
public:
    explicit KernelMachine(std::uint64_t frames = 64)
        : ram(make_ram(frames)),
          memory(ram, KernelSpace::boot_memory(PageCount(frames))),
          space(memory),
          files(memory),
          mmu(ram) {}

    std::unique_ptr<MmStruct> make_mm() {
        auto created = MmStruct::create(memory, files, ResourceLimits{});
        REQUIRE(created.has_value());
        return std::move(*created);
    }
    // Broken invariants, one per line; empty when all is well.
    std::string broken(const std::vector<const MmStruct*>& mms = {}) const {
        const auto live = files.files();
        std::string text;
        for (const std::string& line : verify(memory, mms, live)) text += line + "\n";
        return text;
    }
    PageCount free_frames() const { return memory.buddy().free_page_count(); }
    Vmalloc& vmalloc() { return space.vmalloc(); }

    emu::Ram ram;
    PhysicalMemory memory;
    KernelSpace space;
    FileRegistry files;
    emu::Mmu mmu;
};

}  // namespace fl::mm::test
