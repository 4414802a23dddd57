#include "emu/operand_decoder.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace fl;
using namespace fl::emu;

namespace {

Registers sample() {
    Registers r;
    r.rax = 0x10000, r.rbx = 0x20000, r.rcx = 3, r.rsi = 0x30000, r.rdi = 0x40000, r.rbp = 0x50000, r.rsp = 0x60000;
    r.r12 = 0x70000, r.rip = 0x400000, r.fs_base = 0x1'0000'0000, r.gs_base = 0x2'0000'0000;
    return r;
}

struct Named {
    std::uint64_t address;
    std::uint32_t size_bytes;
    bool operator==(const Named&) const = default;
};

std::vector<Named> named(std::vector<std::uint8_t> code) {
    OperandDecoder decoder;
    std::vector<Named> result;
    for (const MemoryOperand& operand : decoder.operands(std::as_bytes(std::span(code)))) {
        result.push_back({operand.resolve(sample()).value(), operand.size_bytes});
    }
    return result;
}

using List = std::vector<Named>;

}  // namespace

TEST_CASE("explicit operands are base, index, scale, displacement and segment") {
    CHECK(named({0x8b, 0x00}) == List{{0x10000, 4}});                                         // mov eax, [rax]
    CHECK(named({0x48, 0x89, 0x44, 0x8b, 0xf8}) == List{{0x20000 + 12 - 8, 8}});              // mov [rbx+rcx*4-8], rax
    CHECK(named({0x88, 0x87, 0x56, 0x14, 0, 0}) == List{{0x41456, 1}});                       // mov [rdi+0x1456], al
    CHECK(named({0x41, 0x8b, 0x04, 0x24}) == List{{0x70000, 4}});                             // mov eax, [r12]
    CHECK(named({0x64, 0x48, 0x8b, 0x04, 0x25, 0x28, 0, 0, 0}) == List{{0x1'0000'0028, 8}});  // mov rax, fs:[0x28]
    CHECK(named({0x65, 0x8b, 0x00}) == List{{0x2'0001'0000, 4}});                             // mov eax, gs:[rax]
    CHECK(named({0x67, 0x8b, 0x00}) == List{{0x10000, 4}});                                   // mov eax, [eax]
    CHECK(named({0x0f, 0x29, 0x03}) == List{{0x20000, 16}});                                  // movaps [rbx], xmm0
}

TEST_CASE("a RIP-relative operand counts from the end of the instruction") {
    CHECK(named({0x8b, 0x05, 0x10, 0, 0, 0}) == List{{0x400000 + 6 + 0x10, 4}});  // mov eax, [rip+0x10]
}

TEST_CASE("stack operands are implied") {
    CHECK(named({0x50}) == List{{0x60000 - 8, 8}});                                   // push rax
    CHECK(named({0x58}) == List{{0x60000, 8}});                                       // pop rax
    CHECK(named({0xe8, 0, 0, 0, 0}) == List{{0x60000 - 8, 8}});                       // call
    CHECK(named({0xc3}) == List{{0x60000, 8}});                                       // ret
    CHECK(named({0xc9}) == List{{0x50000, 8}});                                       // leave
    CHECK(named({0xff, 0x30}) == List{{0x10000, 8}, {0x60000 - 8, 8}});               // push [rax]
    CHECK(named({0x8f, 0x44, 0x24, 0x08}) == List{{0x60000 + 16, 8}, {0x60000, 8}});  // pop [rsp+8]
}

TEST_CASE("string instructions name both ends") {
    CHECK(named({0xa4}) == List{{0x40000, 1}, {0x30000, 1}});  // movsb
    CHECK(named({0xf3, 0x48, 0xab}) == List{{0x40000, 8}});    // rep stosq
}

TEST_CASE("operands that are written are told from those that are read") {
    const auto written = [](std::vector<std::uint8_t> code) {
        OperandDecoder decoder;
        bool any = false;
        for (const MemoryOperand& operand : decoder.operands(std::as_bytes(std::span(code)))) any |= operand.is_written;
        return any;
    };
    CHECK(written({0x89, 0x07}));                    // mov [rdi], eax
    CHECK(written({0xff, 0x07}));                    // inc dword [rdi]
    CHECK(written({0x01, 0x07}));                    // add [rdi], eax
    CHECK(written({0xf0, 0x48, 0xff, 0x07}));        // lock inc qword [rdi]
    CHECK(written({0x87, 0x07}));                    // xchg [rdi], eax
    CHECK(written({0xf0, 0x0f, 0xb1, 0x0f}));        // lock cmpxchg [rdi], ecx
    CHECK(written({0x0f, 0xc1, 0x07}));              // xadd [rdi], eax
    CHECK(written({0xf0, 0x48, 0x0f, 0xc7, 0x0f}));  // lock cmpxchg16b [rdi]
    CHECK(written({0x0f, 0xba, 0x37, 0x01}));        // btr dword [rdi], 1
    CHECK(written({0xc1, 0x07, 0x01}));              // rol dword [rdi], 1
    CHECK(written({0x50}));                          // push rax
    CHECK(written({0xff, 0x10}));                    // call [rax]: the return address
    CHECK(written({0xa4}));                          // movsb
    CHECK_FALSE(written({0x8b, 0x07}));              // mov eax, [rdi]
    CHECK_FALSE(written({0x39, 0x07}));              // cmp [rdi], eax
    CHECK_FALSE(written({0x85, 0x07}));              // test [rdi], eax
    CHECK_FALSE(written({0xf6, 0x07, 0x02}));        // test byte [rdi], 2
    CHECK_FALSE(written({0xdd, 0x27}));              // frstor [rdi]
    CHECK_FALSE(written({0x03, 0x07}));              // add eax, [rdi]
    CHECK_FALSE(written({0x58}));                    // pop rax
    CHECK_FALSE(written({0xff, 0x27}));              // jmp [rdi]
    CHECK_FALSE(written({0x0f, 0xba, 0x27, 0x01}));  // bt dword [rdi], 1
}

TEST_CASE("what touches no memory names none") {
    CHECK(named({0x48, 0x8d, 0x00}).empty());  // lea rax, [rax]
    CHECK(named({0x0f, 0x1f, 0x00}).empty());  // nop dword [rax]
    CHECK(named({0x48, 0x01, 0xd8}).empty());  // add rax, rbx
    CHECK(named({0x06}).empty());              // no instruction
    CHECK(named({}).empty());
}

TEST_CASE("the cache tells instructions apart by their bytes") {
    OperandDecoder decoder;
    for (int round = 0; round < 2; ++round) {
        for (std::uint8_t displacement = 0; displacement < 100; ++displacement) {
            const std::vector<std::uint8_t> code = {0x8b, 0x40, displacement};
            const auto operands = decoder.operands(std::as_bytes(std::span(code)));
            REQUIRE(operands.size() == 1);
            CHECK(operands[0].displacement == displacement);
        }
    }
}
