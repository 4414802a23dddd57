// A machine without a kernel: RAM, hand-made page tables, and a page-fault handler that a test scripts.
#pragma once

#include "emu/cpu.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <functional>
#include <vector>

namespace fl::emu::test {

inline constexpr PteAccess user_data{.writable = true, .user = true, .executable = false};
inline constexpr PteAccess user_code{.writable = false, .user = true, .executable = true};
inline constexpr PteAccess user_all{.writable = true, .user = true, .executable = true};

class TestMachine final : public PageFaultHandler, public TimestampSource {
public:
    explicit TestMachine(Counting counting = Counting::instructions) : ram(*Ram::create(PageCount(64))), mmu(ram) {
        root = take_frame();
        auto created = Cpu::create(mmu, *this, *this, counting);
        REQUIRE(created.has_value());
        cpu = std::move(*created);
        cpu->set_root(root);
    }

    Pfn take_frame() { return Pfn(next_frame++); }

    // The leaf entry for `address`, tables made as needed.
    Pte& slot(VirtAddr address) {
        Pfn table = root;
        for (unsigned level = 4; level >= 2; --level) {
            Pte& entry = ram.table(table)[address.table_index(level)];
            if (entry.is_none()) entry = Pte::present(take_frame(), user_all);
            table = entry.pfn();
        }
        return ram.table(table)[address.table_index(1)];
    }

    Pfn map(VirtAddr address, PteAccess access) {
        const Pfn pfn = take_frame();
        slot(address) = Pte::present(pfn, access);
        return pfn;
    }

    void write(Pfn pfn, std::uint64_t offset, const std::vector<std::uint8_t>& bytes) const {
        std::memcpy(ram.frame(pfn).data() + offset, bytes.data(), bytes.size());
    }

    // Maps `code` at `address` and runs it.
    Exit run(VirtAddr address, const std::vector<std::uint8_t>& code) {
        write(map(address, user_code), 0, code);
        registers.rip = address.value();
        return cpu->run(registers);
    }

    FaultOutcome handle_page_fault(const PageFault& fault) override {
        faults.push_back(fault);
        return on_fault ? on_fault(fault) : FaultOutcome::fatal;
    }
    std::uint64_t timestamp_cycles() override { return 0x1'0000'0002; }

    Ram ram;
    Mmu mmu;
    Pfn root;
    std::uint64_t next_frame = 1;
    std::unique_ptr<Cpu> cpu;
    Registers registers;
    std::vector<PageFault> faults;
    std::function<FaultOutcome(const PageFault&)> on_fault;
};

}  // namespace fl::emu::test
