#include "trace/disassembler.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace fl;
using namespace fl::trace;

namespace {

std::string text_of(const std::vector<unsigned>& values) {
    std::vector<std::byte> code;
    code.reserve(values.size());
    for (const unsigned value : values) code.push_back(static_cast<std::byte>(value));
    return Disassembler().disassemble(VirtAddr(0x401000), code);
}

}  // namespace

TEST_CASE("instructions read as in Intel's manuals") {
    CHECK(text_of({0x89, 0x07}) == "mov dword ptr [rdi], eax");
    CHECK(text_of({0x0f, 0x05}) == "syscall");
    CHECK(text_of({0xc3, 0xc3, 0xc3}) == "ret");
    CHECK(text_of({0xf3, 0xaa}) == "rep stosb byte ptr [rdi], al");
    CHECK(text_of({0xe8, 0xfb, 0x0f, 0x00, 0x00}) == "call 0x402000");
}

TEST_CASE("what is no instruction has no text") {
    CHECK(text_of({}).empty());
    CHECK(text_of({0x06}).empty());                           // not valid in 64-bit mode
    CHECK(text_of({0xe8, 0xfb}).empty());                     // ends within
    CHECK(text_of(std::vector<unsigned>(15, 0x66)).empty());  // prefixes alone
}

TEST_CASE("one disassembler serves any number of questions") {
    Disassembler disassembler;
    const std::vector<std::byte> ret = {std::byte{0xc3}};
    const std::vector<std::byte> bad = {std::byte{0x06}};
    for (int round = 0; round < 100; ++round) {
        CHECK(disassembler.disassemble(VirtAddr(0), ret) == "ret");
        CHECK(disassembler.disassemble(VirtAddr(~std::uint64_t{0}), bad).empty());
    }
}
