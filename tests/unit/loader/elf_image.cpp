// parse_elf: what it makes of a good file, and the one line that each kind of bad file gets.
#include "loader/elf_image.hpp"

#include "loader_support.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <string_view>

namespace fl::test {

namespace {

constexpr std::uint64_t huge = std::numeric_limits<std::uint64_t>::max();

tl::expected<loader::ElfImage, std::string> parse(std::vector<std::byte> bytes) {
    TestMachine machine(PageCount(16));
    return loader::parse_elf(*machine.file(std::move(bytes)));
}

// What parsing refuses the file with; "accepted" where it does not.
std::string verdict(std::vector<std::byte> bytes) {
    const auto image = parse(std::move(bytes));
    return image ? "accepted" : image.error();
}

using Change = std::function<void(TinyElf&)>;

std::string verdict_after(const Change& change) {
    TinyElf elf = TinyElf::fixed();
    change(elf);
    return verdict(elf.bytes());
}

std::vector<std::byte> text_bytes(std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

bool is_one_clear_line(const std::string& text) {
    return text.size() > 5 && std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

class UnreadableSource final : public mm::FileSource {
public:
    explicit UnreadableSource(std::uint64_t readable_bytes) : readable_bytes_(readable_bytes) {}
    std::uint64_t size_bytes() const override { return 0x3000; }
    Result<void> read(std::uint64_t offset, std::span<std::byte> into) const override {
        if (offset + into.size() > readable_bytes_) return fail(Errno::eio);
        std::memcpy(into.data(), bytes_.data() + offset, into.size());
        return {};
    }

private:
    std::uint64_t readable_bytes_;
    std::vector<std::byte> bytes_ = TinyElf::fixed().bytes();
};

}  // namespace

TEST_CASE("a program's segments come out as its headers say") {
    const auto image = parse(TinyElf::fixed().bytes());
    REQUIRE(image.has_value());
    CHECK(image->type == loader::ElfType::fixed);
    CHECK(image->entry == VirtAddr(0x401000));
    CHECK(image->program_header_offset == 64);
    CHECK(image->program_header_count == 2);
    CHECK(image->program_header_entry_bytes == 56);
    CHECK(image->max_alignment == page_size);
    CHECK_FALSE(image->tls.has_value());
    CHECK_FALSE(image->relro.has_value());
    REQUIRE(image->segments.size() == 2);
    const loader::ElfSegment& code = image->segments[0];
    CHECK((code.readable && code.executable && !code.writable));
    CHECK(code.address == VirtAddr(0x401000));
    CHECK(code.file_offset == 0x1000);
    const loader::ElfSegment& data = image->segments[1];
    CHECK((data.readable && data.writable && !data.executable));
    CHECK(data.file_bytes == 0x10);
    CHECK(data.memory_bytes == 0x2010);
}

TEST_CASE("a position-independent program may start at address 0") {
    TinyElf elf = TinyElf::position_independent();
    elf.table[0].p_vaddr = 0;
    const auto image = parse(elf.bytes());
    REQUIRE(image.has_value());
    CHECK(image->type == loader::ElfType::position_independent);
}

TEST_CASE("the stack is executable only where PT_GNU_STACK says so") {
    TinyElf elf = TinyElf::fixed();
    CHECK_FALSE(parse(elf.bytes())->executable_stack);
    elf.table.push_back(other_header(PT_GNU_STACK, PF_R | PF_W));
    CHECK_FALSE(parse(elf.bytes())->executable_stack);
    elf.table.back().p_flags |= PF_X;
    CHECK(parse(elf.bytes())->executable_stack);
}

TEST_CASE("PT_TLS and PT_GNU_RELRO are kept for the C library's sake") {
    TinyElf elf = TinyElf::fixed();
    Elf64_Phdr tls = loadable(PF_R, 0x2000, 0x402000, 8, 0x40);
    tls.p_type = PT_TLS;
    Elf64_Phdr relro = loadable(PF_R, 0x2000, 0x402000, 0x10, 0x1000);
    relro.p_type = PT_GNU_RELRO;
    elf.table.insert(elf.table.end(), {tls, relro});
    const auto image = parse(elf.bytes());
    REQUIRE(image.has_value());
    REQUIRE(image->tls.has_value());
    CHECK(image->tls->memory_bytes == 0x40);
    REQUIRE(image->relro.has_value());
    CHECK(*image->relro == VirtRange{VirtAddr(0x402000), VirtAddr(0x403000)});
}

TEST_CASE("a segment without memory takes no part") {
    TinyElf elf = TinyElf::fixed();
    elf.table.push_back(loadable(PF_R, 0x2000, 0x401000, 0, 0));
    const auto image = parse(elf.bytes());
    REQUIRE(image.has_value());
    CHECK(image->segments.size() == 2);
}

TEST_CASE("a bss alone need not agree with a file offset") {
    TinyElf elf = TinyElf::fixed();
    elf.table.push_back(loadable(PF_R | PF_W, 0x2123, 0x410456, 0, 0x3000));
    CHECK(verdict(elf.bytes()) == "accepted");
}

TEST_CASE("the largest alignment of a PT_LOAD is the image's") {
    TinyElf elf = TinyElf::fixed();
    elf.table[0].p_align = 0x200000;
    elf.table[1].p_align = 0;
    CHECK(parse(elf.bytes())->max_alignment == 0x200000);
}

TEST_CASE("what is no ELF file is called what it is") {
    CHECK(verdict({}) == "is empty");
    CHECK(verdict(text_bytes("M")) == "is not an ELF file");
    CHECK(verdict(text_bytes("\x7f"
                             "ELG, or so it says")) == "is not an ELF file");
    CHECK(verdict(text_bytes("#!/bin/sh\necho hello\n")) == "is a script, not an ELF program");
    CHECK(verdict(text_bytes("\x7f"
                             "ELF")) == "is cut off: 4 bytes of a 64-byte ELF header");
}

TEST_CASE("an ELF header that is not a static x86-64 program's") {
    const auto ident = [](int index, unsigned char value) {
        return verdict_after([=](TinyElf& elf) { elf.header.e_ident[index] = value; });
    };
    CHECK(ident(EI_CLASS, ELFCLASS32) == "is a 32-bit ELF file; only 64-bit x86-64 programs run here");
    CHECK(ident(EI_CLASS, 7) == "ELF header: class 7 is neither 32-bit nor 64-bit");
    CHECK(ident(EI_DATA, ELFDATA2MSB) == "is a big-endian ELF file; x86-64 is little-endian");
    CHECK(ident(EI_DATA, 0) == "ELF header: unknown byte order 0");
    CHECK(ident(EI_VERSION, 9) == "ELF header: unknown version 9");

    const auto type = [](std::uint16_t value) {
        return verdict_after([=](TinyElf& elf) { elf.header.e_type = value; });
    };
    CHECK(type(ET_REL) == "is a relocatable object file, not a program; link it first");
    CHECK(type(ET_CORE) == "is a core dump, not a program");
    CHECK(type(ET_NONE) == "ELF header: type 0 is not that of a program");

    CHECK(verdict_after([](TinyElf& elf) { elf.header.e_version = 2; }) == "ELF header: unknown version 2");
}

TEST_CASE("a program for another machine is named after it") {
    const auto machine = [](std::uint16_t value) {
        return verdict_after([=](TinyElf& elf) { elf.header.e_machine = value; });
    };
    CHECK(machine(EM_AARCH64) == "is a program for AArch64, not for x86-64");
    for (const int known : {EM_386, EM_ARM, EM_RISCV, EM_PPC, EM_PPC64, EM_S390, EM_MIPS, EM_SPARCV9, EM_LOONGARCH}) {
        CHECK(machine(static_cast<std::uint16_t>(known)).find("machine") == std::string::npos);
    }
    CHECK(machine(4242) == "is a program for machine 4242, not for x86-64");
}

TEST_CASE("a program header table that cannot be") {
    CHECK(verdict_after([](TinyElf& elf) { elf.table.clear(); }) ==
          "has no program headers, so there is nothing to load");
    CHECK(verdict_after([](TinyElf& elf) { elf.header.e_phentsize = 32; }) ==
          "ELF header: program headers of 32 bytes instead of 56");
    CHECK(verdict_after([](TinyElf& elf) { elf.table_count = 1171; }) ==
          "ELF header: 1171 program headers are more than the 1170 that Linux accepts");
    CHECK(verdict_after([](TinyElf& elf) { elf.table_count = PN_XNUM; }) ==
          "ELF header: 65535 program headers are more than the 1170 that Linux accepts");
    CHECK(verdict_after([](TinyElf& elf) { elf.header.e_phoff = 0x2fff; }) ==
          "2 program headers at file offset 0x2fff reach past the end of the file (0x3000 bytes)");
    CHECK(verdict_after([](TinyElf& elf) { elf.header.e_phoff = huge - 8; }) ==
          "2 program headers at file offset 0xfffffffffffffff7 reach past the end of the file (0x3000 bytes)");
    CHECK(verdict_after([](TinyElf& elf) { elf.table = {other_header(PT_NOTE)}; }) ==
          "has no PT_LOAD program header, so there is nothing to load");
}

TEST_CASE("a program header table that lies in the header, or in itself, is only bytes") {
    // Every entry is read from the ELF header's own bytes: no types that mean anything, so nothing to load.
    CHECK(is_one_clear_line(verdict_after([](TinyElf& elf) { elf.header.e_phoff = 0; })));
    for (std::uint64_t offset = 0; offset < 256; ++offset) {
        const std::string text = verdict_after([=](TinyElf& elf) { elf.header.e_phoff = offset; });
        CHECK((offset == 64 ? text == "accepted" : is_one_clear_line(text)));
    }
}

TEST_CASE("a dynamically linked program says so, whatever else is wrong with it") {
    TinyElf elf = TinyElf::fixed();
    elf.table[1].p_offset = huge;
    elf.table.push_back(other_header(PT_INTERP));
    elf.table.back().p_offset = 0x2100;
    elf.table.back().p_filesz = 28;
    std::vector<std::byte> bytes = elf.bytes();
    std::memcpy(bytes.data() + 0x2100, "/lib64/ld-linux-x86-64.so.2", 28);
    CHECK(verdict(bytes) == "is dynamically linked (interpreter /lib64/ld-linux-x86-64.so.2); link it with -static");
    // The name is the file's: it may not write to somebody's terminal as it likes.
    std::memcpy(bytes.data() + 0x2100, "/lib\x1b[2J\n", 10);
    CHECK(verdict(bytes) == "is dynamically linked (interpreter /lib?[2J?); link it with -static");

    elf.table.back().p_offset = huge;
    CHECK(verdict(elf.bytes()) == "is dynamically linked (interpreter unknown); link it with -static");
    elf.table.back().p_offset = 0;
    elf.table.back().p_filesz = huge;
    CHECK(verdict(elf.bytes()).starts_with("is dynamically linked (interpreter ?ELF"));
}

TEST_CASE("a segment that its file cannot fill") {
    CHECK(verdict_after([](TinyElf& elf) { elf.table[1].p_memsz = 0xf; }) ==
          "program header 1: 0x10 bytes in the file but only 0xf in memory");
    CHECK(verdict_after([](TinyElf& elf) {
              elf.size_bytes = 0x1800;
              elf.table[0].p_filesz = elf.table[0].p_memsz = 0x1000;
          }) ==
          "program header 0: segment at file offset 0x1000 of 0x1000 bytes reaches past the end of the file "
          "(0x1800 bytes)");
    CHECK(verdict_after([](TinyElf& elf) { elf.table[0].p_offset = huge & ~page_mask; }) ==
          "program header 0: segment at file offset 0xfffffffffffff000 of 0x100 bytes reaches past the end of the "
          "file (0x3000 bytes)");
    CHECK(verdict_after([](TinyElf& elf) { elf.table[1].p_filesz = elf.table[1].p_memsz = huge; }) ==
          "program header 1: segment at file offset 0x2000 of 0xffffffffffffffff bytes reaches past the end of the "
          "file (0x3000 bytes)");
}

TEST_CASE("a segment at an address that cannot be") {
    CHECK(verdict_after([](TinyElf& elf) { elf.table[1].p_memsz = huge; }) ==
          "program header 1: segment at 0x402000 of 0xffffffffffffffff bytes reaches past the end of the user address "
          "space (0x7ffffffff000)");
    CHECK(verdict_after([](TinyElf& elf) { elf.table[1].p_vaddr = 0xffffffff80000000; }) ==
          "program header 1: segment at 0xffffffff80000000 of 0x2010 bytes reaches past the end of the user address "
          "space (0x7ffffffff000)");
    CHECK(verdict_after([](TinyElf& elf) { elf.table[0].p_vaddr = 0xf000; }) ==
          "program header 0: segment at 0xf000 is below 0x10000, the lowest address that a program may map");
    CHECK(verdict_after([](TinyElf& elf) { elf.table[1].p_vaddr = 0x402010; }) ==
          "program header 1: file offset 0x2000 and address 0x402010 differ in their place within a page");
    CHECK(verdict_after([](TinyElf& elf) { elf.table[1].p_align = 0x1800; }) ==
          "program header 1: alignment 0x1800 is not a power of two");
}

TEST_CASE("segments end at the last byte of the user half, and not behind it") {
    const auto ending_at = [](std::uint64_t end) {
        return verdict_after([=](TinyElf& elf) {
            elf.table[1].p_vaddr = 0x7fffffff0000;
            elf.table[1].p_memsz = end - elf.table[1].p_vaddr;
        });
    };
    CHECK(ending_at(0x7ffffffff000) == "accepted");
    CHECK(ending_at(0x7ffffffff001).starts_with("program header 1: segment at 0x7fffffff0000"));
}

TEST_CASE("segments that share a page, or stand in the wrong order") {
    CHECK(verdict_after([](TinyElf& elf) {
              elf.table[1].p_offset = 0x1100;
              elf.table[1].p_vaddr = 0x401100;
          }) ==
          "program header 1: segment pages 0x401000-0x404000 overlap those of program header 0 "
          "(0x401000-0x402000)");
    CHECK(verdict_after([](TinyElf& elf) { std::swap(elf.table[0], elf.table[1]); }) ==
          "program header 1: segment at 0x401000 comes after one at a higher address (0x402000, program header 0)");
    CHECK(verdict_after([](TinyElf& elf) { elf.table[1] = elf.table[0]; }).find("overlap") != std::string::npos);
}

TEST_CASE("PT_TLS and PT_GNU_RELRO are held to the same measures") {
    const auto with = [](std::uint32_t type, const std::function<void(Elf64_Phdr&)>& change) {
        return verdict_after([&](TinyElf& elf) {
            Elf64_Phdr header = loadable(PF_R, 0x2000, 0x402000, 8, 0x40);
            header.p_type = type;
            change(header);
            elf.table.push_back(header);
        });
    };
    CHECK(
        with(PT_TLS, [](Elf64_Phdr& h) { h.p_offset = 0x2fff; }) ==
        "program header 2: segment at file offset 0x2fff of 0x8 bytes reaches past the end of the file (0x3000 bytes)");
    CHECK(with(PT_TLS, [](Elf64_Phdr& h) { h.p_align = 24; }) ==
          "program header 2: alignment 0x18 is not a power of two");
    CHECK(with(PT_TLS, [](Elf64_Phdr& h) { h.p_memsz = 4; }) ==
          "program header 2: 0x8 bytes in the file but only 0x4 in memory");
    CHECK(with(PT_GNU_RELRO, [](Elf64_Phdr& h) { h.p_memsz = huge - 8; }).starts_with("program header 2: segment at"));
}

TEST_CASE("a position-independent program needs file pages to be placed by") {
    TinyElf elf = TinyElf::position_independent();
    elf.table[0].p_filesz = 0;
    CHECK(verdict(elf.bytes()) ==
          "program header 0: the first segment of a position-independent program is empty in the file");
}

TEST_CASE("a file that the host cannot read") {
    const auto verdict_of = [](std::uint64_t readable_bytes) {
        TestMachine machine(PageCount(16));
        return loader::parse_elf(*machine.file(std::make_unique<UnreadableSource>(readable_bytes))).error();
    };
    CHECK(verdict_of(0) == "cannot read the ELF header: Input/output error");
    CHECK(verdict_of(64) == "cannot read the program headers: Input/output error");
}

TEST_CASE("a file cut short anywhere gets one clear line") {
    TinyElf elf = TinyElf::fixed();
    elf.size_bytes = 0x2010;
    const std::vector<std::byte> whole = elf.bytes();
    CHECK(verdict(whole) == "accepted");
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const std::string text = verdict({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
        CAPTURE(size);
        CHECK(text != "accepted");
        CHECK(is_one_clear_line(text));
    }
}

TEST_CASE("each field of the headers at each extreme is accepted or gets one clear line") {
    const std::vector<std::byte> whole = TinyElf::fixed().bytes();
    constexpr std::size_t headers_bytes = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr);
    for (std::size_t at = 0; at < headers_bytes; ++at) {
        for (const std::size_t width : {1, 2, 4, 8}) {
            if (at % width != 0) continue;
            for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{1}, huge, huge >> 1, huge - page_mask,
                                              mm::task_size.value(), mm::task_size.value() - 1}) {
                std::vector<std::byte> bytes = whole;
                std::memcpy(bytes.data() + at, &value, width);
                const std::string text = verdict(std::move(bytes));
                CAPTURE(at);
                CAPTURE(width);
                CHECK(is_one_clear_line(text));
            }
        }
    }
}

}  // namespace fl::test
