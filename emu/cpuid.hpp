// CpuidReader: what the CPUID instruction answers on the processor that Cpu::create() makes, without a machine around
// it: for those who want to show another processor's programs the same.
#pragma once

#include <cstdint>
#include <memory>

namespace fl::emu {

struct CpuidAnswer {
    std::uint32_t eax, ebx, ecx, edx;
};

class CpuidReader {
public:
    CpuidReader();
    CpuidReader(const CpuidReader&) = delete;
    CpuidReader& operator=(const CpuidReader&) = delete;
    ~CpuidReader();

    CpuidAnswer read(std::uint32_t leaf, std::uint32_t subleaf);

private:
    struct Engine;
    std::unique_ptr<Engine> engine_;
};

}  // namespace fl::emu
