#include "emu/cpuid.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <string>

using fl::emu::CpuidAnswer;
using fl::emu::CpuidReader;

TEST_CASE("CPUID names the pinned processor, the same at every reading") {
    CpuidReader reader;
    const CpuidAnswer vendor = reader.read(0, 0);
    std::string name(12, ' ');
    std::memcpy(name.data(), &vendor.ebx, 4);
    std::memcpy(name.data() + 4, &vendor.edx, 4);
    std::memcpy(name.data() + 8, &vendor.ecx, 4);
    CHECK(name == "GenuineIntel");
    const CpuidAnswer features = reader.read(1, 0);
    CHECK(features.edx == 0x78bfbfd);         // AT_HWCAP, as the loader gives it
    CHECK((features.ecx & (1U << 20)) != 0);  // SSE4.2
    CHECK((features.ecx & (1U << 28)) == 0);  // AVX
    CHECK((features.ecx & (1U << 30)) == 0);  // RDRAND
    CHECK(reader.read(1, 0).eax == features.eax);
}

TEST_CASE("leaf 4 tells the caches one by one, by subleaf") {
    CpuidReader reader;
    const CpuidAnswer first = reader.read(4, 0), second = reader.read(4, 1);
    CHECK((first.eax & 0x1f) == 1);   // data
    CHECK((second.eax & 0x1f) == 2);  // instructions
}
