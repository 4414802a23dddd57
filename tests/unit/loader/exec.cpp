// load_program: the layout against /proc/self/maps of the same hand-made files run natively (Linux 6.18, setarch -R),
// what is in memory afterwards, and every way in which it can fail.
#include "loader/exec.hpp"

#include "loader_support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

namespace fl::test {

namespace {

using Lines = std::vector<std::string>;

loader::ProgramArguments arguments() { return {.execfn = "./tiny", .argv = {"./tiny", "x"}, .envp = {"A=B"}}; }

// What follows the image of a program that does not use the mmap area itself.
Lines with_kernel_lines(Lines image_lines) {
    image_lines.insert(image_lines.end(),
                       {"7ffff7ff7000-7ffff7ffb000 r--p 0 [vvar]", "7ffff7ffb000-7ffff7ffd000 r--p 0 [vvar_vclock]",
                        "7ffff7ffd000-7ffff7fff000 r-xp 0 [vdso]", "7ffffffde000-7ffffffff000 rw-p 0 [stack]"});
    return image_lines;
}

std::vector<std::byte> read(TestMachine& machine, VirtAddr address, std::size_t count) {
    std::vector<std::byte> bytes(count);
    REQUIRE(machine.user_memory().copy_from(address, bytes).has_value());
    return bytes;
}

bool all_are(const std::vector<std::byte>& bytes, std::byte value) {
    return std::all_of(bytes.begin(), bytes.end(), [=](std::byte b) { return b == value; });
}

// The failure of loading `elf` into a machine of `frames` frames; empty where it works.
std::string failure(const TinyElf& elf, PageCount frames, const mm::ResourceLimits& limits = {}) {
    TestMachine machine(frames, limits);
    const auto loaded = machine.load(elf, arguments());
    return loaded ? "" : loaded.error();
}

class FailingTailSource final : public mm::FileSource {
public:
    explicit FailingTailSource(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}
    std::uint64_t size_bytes() const override { return bytes_.size(); }
    Result<void> read(std::uint64_t offset, std::span<std::byte> into) const override {
        if (offset >= 0x2000) return fail(Errno::eio);
        std::memcpy(into.data(), bytes_.data() + offset, into.size());
        return {};
    }

private:
    std::vector<std::byte> bytes_;
};

}  // namespace

TEST_CASE("a fixed program: segments, bss, kernel ranges, stack") {
    TestMachine machine(PageCount(64));
    const auto loaded = machine.load(TinyElf::fixed(), arguments());
    REQUIRE(loaded.has_value());
    CHECK(loaded->entry == VirtAddr(0x401000));
    CHECK(loaded->load_bias == 0);
    CHECK(machine.maps() == with_kernel_lines({"401000-402000 r-xp 1000 /tiny", "402000-403000 rw-p 2000 /tiny",
                                               "403000-405000 rw-p 0 "}));
    CHECK(machine.mm().start_brk() == VirtAddr(0x405000));
    CHECK(machine.mm().brk() == VirtAddr(0x405000));
}

TEST_CASE("a bss has its segment's right to execute, and is writable whatever the segment is") {
    TestMachine machine(PageCount(64));
    TinyElf elf = TinyElf::fixed();
    elf.table = {loadable(PF_R | PF_X, 0x1000, 0x401000, 0x100, 0x100), loadable(PF_R, 0x2000, 0x402000, 0x10, 0x3010),
                 loadable(PF_R | PF_X, 0x2000, 0x408000, 0x10, 0x3010),
                 loadable(PF_R | PF_W, 0x2123, 0x410456, 0, 0x3000)};
    REQUIRE(machine.load(elf, arguments()).has_value());
    CHECK(machine.maps() ==
          with_kernel_lines({"401000-402000 r-xp 1000 /tiny", "402000-403000 r--p 2000 /tiny", "403000-406000 rw-p 0 ",
                             "408000-409000 r-xp 2000 /tiny", "409000-40c000 rwxp 0 ", "410000-414000 rw-p 0 "}));
}

TEST_CASE("an executable stack is one") {
    TestMachine machine(PageCount(64));
    TinyElf elf = TinyElf::fixed();
    elf.table.push_back(other_header(PT_GNU_STACK, PF_R | PF_W | PF_X));
    REQUIRE(machine.load(elf, arguments()).has_value());
    CHECK(machine.maps().back() == "7ffffffde000-7ffffffff000 rwxp 0 [stack]");
}

TEST_CASE("a position-independent program is at the top of the mmap area, and the kernel's ranges are below it") {
    TestMachine machine(PageCount(64));
    TinyElf elf = TinyElf::position_independent();
    elf.table[1].p_vaddr = 0x3000;
    const auto loaded = machine.load(elf, arguments());
    REQUIRE(loaded.has_value());
    CHECK(loaded->load_bias == 0x7ffff7ff9000);
    CHECK(loaded->entry == VirtAddr(0x7ffff7ffa000));
    CHECK(machine.maps() ==
          Lines{"7ffff7ff2000-7ffff7ff6000 r--p 0 [vvar]", "7ffff7ff6000-7ffff7ff8000 r--p 0 [vvar_vclock]",
                "7ffff7ff8000-7ffff7ffa000 r-xp 0 [vdso]", "7ffff7ffa000-7ffff7ffb000 r-xp 1000 /tiny",
                "7ffff7ffc000-7ffff7ffd000 rw-p 2000 /tiny", "7ffff7ffd000-7ffff7fff000 rw-p 0 ",
                "7ffffffde000-7ffffffff000 rw-p 0 [stack]"});
    CHECK(machine.mm().start_brk() == VirtAddr(0x555555555000));
}

TEST_CASE("the kernel's ranges stay together, below a hole that would take only some of them") {
    TestMachine machine(PageCount(64));
    TinyElf elf = TinyElf::position_independent();
    elf.table[1].p_vaddr = 0x5000;
    const auto loaded = machine.load(elf, arguments());
    REQUIRE(loaded.has_value());
    const Lines maps = machine.maps();
    CHECK(maps[0] == "7ffff7ff0000-7ffff7ff4000 r--p 0 [vvar]");
    CHECK(maps[2] == "7ffff7ff6000-7ffff7ff8000 r-xp 0 [vdso]");
    CHECK(maps[3] == "7ffff7ff8000-7ffff7ff9000 r-xp 1000 /tiny");
}

TEST_CASE("a position-independent program linked high up has a negative bias") {
    TestMachine machine(PageCount(64));
    TinyElf elf = TinyElf::position_independent();
    elf.table[0].p_vaddr = elf.header.e_entry = 0x7ffffff00000;
    elf.table[1].p_vaddr = 0x7ffffff02000;
    const auto loaded = machine.load(elf, arguments());
    REQUIRE(loaded.has_value());
    CHECK(loaded->entry == VirtAddr(0x7ffff7ffa000));
    CHECK(loaded->load_bias == 0x7ffff7ffa000 - 0x7ffffff00000);
}

TEST_CASE("a position-independent program lies at a multiple of its alignment") {
    TestMachine machine(PageCount(64));
    TinyElf elf = TinyElf::position_independent();
    elf.table[0].p_align = 0x200000;
    REQUIRE(machine.load(elf, arguments()).has_value());
    CHECK(machine.maps() ==
          with_kernel_lines({"7ffff7e00000-7ffff7e01000 r-xp 1000 /tiny", "7ffff7e01000-7ffff7e02000 rw-p 2000 /tiny",
                             "7ffff7e02000-7ffff7e04000 rw-p 0 "}));
}

TEST_CASE("the bounds that /proc shows") {
    TestMachine machine(PageCount(64));
    const auto loaded = machine.load(TinyElf::fixed(), arguments());
    REQUIRE(loaded.has_value());
    const mm::ImageBounds& bounds = machine.mm().bounds();
    CHECK(bounds.start_code == VirtAddr(0x401000));
    CHECK(bounds.end_code == VirtAddr(0x401100));
    CHECK(bounds.start_data == VirtAddr(0x402000));
    CHECK(bounds.end_data == VirtAddr(0x402010));
    CHECK(bounds.start_stack == loaded->stack_pointer);
    CHECK(bounds.arg_end == bounds.env_start);
    const auto text = read(machine, bounds.arg_start, bounds.env_end - bounds.arg_start);
    CHECK(std::memcmp(text.data(), "./tiny\0x\0A=B\0", text.size()) == 0);
}

TEST_CASE("a program without executable segments has an empty range of code") {
    TestMachine machine(PageCount(64));
    TinyElf elf = TinyElf::fixed();
    elf.table.erase(elf.table.begin());
    REQUIRE(machine.load(elf, arguments()).has_value());
    CHECK(machine.mm().bounds().start_code == machine.mm().bounds().end_code);
}

TEST_CASE("the stack holds what the stack pointer promises") {
    TestMachine machine(PageCount(64));
    const auto loaded = machine.load(TinyElf::fixed(), arguments());
    REQUIRE(loaded.has_value());
    const VirtAddr argc = loaded->stack_pointer;
    mm::UserMemory& memory = machine.user_memory();
    CHECK(memory.read<std::uint64_t>(argc).value() == 2);
    const VirtAddr second(memory.read<std::uint64_t>(argc + 16).value());
    CHECK(memory.read_string(second, 10).value() == "x");
    CHECK(memory.read<std::uint64_t>(argc + 24).value() == 0);
    const VirtAddr variable(memory.read<std::uint64_t>(argc + 32).value());
    CHECK(memory.read_string(variable, 10).value() == "A=B");
    CHECK(memory.read<std::uint64_t>(argc + 40).value() == 0);

    const std::vector<std::uint64_t>& saved = machine.mm().saved_auxv();
    const auto on_stack = read(machine, argc + 48, saved.size() * sizeof(std::uint64_t));
    CHECK(std::memcmp(on_stack.data(), saved.data(), on_stack.size()) == 0);
    CHECK(all_are(read(machine, mm::stack_top - 8, 8), std::byte{0}));
}

TEST_CASE("AT_PHDR is where the segment that holds the table puts it, and the bias alone where none does") {
    const auto headers_at = [](const TinyElf& elf) {
        TestMachine machine(PageCount(64));
        REQUIRE(machine.load(elf, arguments()).has_value());
        const auto& auxv = machine.mm().saved_auxv();
        const auto found = std::find(auxv.begin(), auxv.end(), AT_PHDR);
        REQUIRE(found != auxv.end());
        return *(found + 1);
    };
    CHECK(headers_at(TinyElf::fixed()) == 0);
    TinyElf elf = TinyElf::fixed();
    elf.table.insert(elf.table.begin(), loadable(PF_R, 0, 0x400000, 0x200, 0x200));
    CHECK(headers_at(elf) == 0x400040);
    elf.table[0].p_filesz = 0x40;  // ends where the table starts
    CHECK(headers_at(elf) == 0);
    elf = TinyElf::position_independent();
    elf.table.insert(elf.table.begin(), loadable(PF_R, 0, 0, 0x200, 0x200));
    CHECK(headers_at(elf) == 0x7ffff7ffa040);
}

TEST_CASE("the tail of the last file page is zero, and so is the bss") {
    TestMachine machine(PageCount(64));
    REQUIRE(machine.load(TinyElf::fixed(), arguments()).has_value());
    CHECK(all_are(read(machine, VirtAddr(0x402000), 0x10), TinyElf::filler));
    CHECK(all_are(read(machine, VirtAddr(0x402010), 0x2ff0), std::byte{0}));
}

TEST_CASE("the tail keeps the file's bytes where the program may not write, or has no bss") {
    TestMachine machine(PageCount(64));
    TinyElf elf = TinyElf::fixed();
    elf.table[1].p_flags = PF_R;
    elf.table.push_back(loadable(PF_R | PF_W, 0x2000, 0x408000, 0x10, 0x10));
    REQUIRE(machine.load(elf, arguments()).has_value());
    CHECK(all_are(read(machine, VirtAddr(0x402010), 0xff0), TinyElf::filler));
    CHECK(all_are(read(machine, VirtAddr(0x408010), 0xff0), TinyElf::filler));
}

TEST_CASE("a data segment that fills its last page has no tail to clear") {
    TestMachine machine(PageCount(64));
    TinyElf elf = TinyElf::fixed();
    elf.table[1].p_filesz = 0x1000;
    REQUIRE(machine.load(elf, arguments()).has_value());
    CHECK(machine.mm().rss().total() == PageCount(1));  // the stack's; nothing of the image was touched
    CHECK(all_are(read(machine, VirtAddr(0x403000), 0x1000), std::byte{0}));
}

TEST_CASE("nothing is copied before it is touched") {
    TestMachine machine(PageCount(64));
    REQUIRE(machine.load(TinyElf::fixed(), arguments()).has_value());
    // The stack's top page and the copy of the data page whose tail was cleared.
    CHECK(machine.mm().rss().anonymous == PageCount(2));
    CHECK(machine.mm().rss().file == PageCount(0));
}

TEST_CASE("more pointers than fit into the first 128 KiB extend the stack") {
    TestMachine machine(PageCount(512));
    const loader::ProgramArguments many{
        .execfn = "./auxv", .argv = {"./auxv"}, .envp = std::vector<std::string>(50000, "E")};
    const auto loaded = machine.load(TinyElf::fixed(), many);
    REQUIRE(loaded.has_value());
    CHECK(loaded->stack_pointer == VirtAddr(0x7ffffff84d10));
    CHECK(machine.maps().back() == "7ffffff84000-7ffffffff000 rw-p 0 [stack]");
}

TEST_CASE("the stack limit bounds what exec maps of the stack, but never its strings") {
    mm::ResourceLimits limits;
    limits.stack_bytes = 0x8000;
    TestMachine machine(PageCount(64), limits);
    REQUIRE(machine.load(TinyElf::fixed(), arguments()).has_value());
    CHECK(machine.maps().back() == "7fffffff7000-7ffffffff000 rw-p 0 [stack]");

    limits.stack_bytes = 0;
    TestMachine without(PageCount(64), limits);
    REQUIRE(without.load(TinyElf::fixed(), arguments()).has_value());
    CHECK(without.maps().back() == "7fffffffe000-7ffffffff000 rw-p 0 [stack]");
}

TEST_CASE("a stack limit without room for the vectors is said to be so") {
    mm::ResourceLimits limits;
    limits.stack_bytes = page_size;
    TestMachine machine(PageCount(64), limits);
    const loader::ProgramArguments long_ones{.execfn = "x", .argv = {std::string(4000, 'a')}, .envp = {}};
    const auto loaded = machine.load(TinyElf::fixed(), long_ones);
    REQUIRE_FALSE(loaded.has_value());
    CHECK(loaded.error() == "no room for the argument vector on the stack (its limit is 4 KiB)");
}

TEST_CASE("more memory than there is") {
    TinyElf elf = TinyElf::fixed();
    elf.table[1].p_memsz = 1ULL << 44;
    CHECK(failure(elf, PageCount(64)) ==
          "the segment at 0x402000 of 17179869184 KiB does not fit: not enough memory (the machine has 256 KiB)");
    elf = TinyElf::position_independent();
    elf.table[1].p_memsz = mm::task_size.value() - 0x2000;
    CHECK(failure(elf, PageCount(64)).starts_with("the program of "));
    // More than the user half holds once the first segment's start is rounded down.
    elf.table[0].p_vaddr = 0x0;
    CHECK(failure(elf, PageCount(64)).find("does not fit: not enough memory") != std::string::npos);
}

TEST_CASE("an image where the stack is") {
    TinyElf elf = TinyElf::fixed();
    elf.table[1].p_vaddr = 0x7fffffffe000;
    elf.table[1].p_memsz = 0x10;
    CHECK(failure(elf, PageCount(64)) == "the segment at 0x7fffffffe000 of 4 KiB does not fit: the stack is there");
    elf.table[1].p_vaddr = 0x7ffffffd0000;
    elf.table[1].p_memsz = 0x20000;
    CHECK(failure(elf, PageCount(64)) == "the segment at 0x7ffffffd0000 of 128 KiB does not fit: the stack is there");
}

TEST_CASE("an alignment that leaves no place") {
    TinyElf elf = TinyElf::position_independent();
    elf.table[0].p_align = 1ULL << 63;
    CHECK(failure(elf, PageCount(64)) ==
          "the segment at 0x0 of 4 KiB does not fit: programs may not map below 0x10000");
}

TEST_CASE("an entry point outside of the user half is refused, one in nobody's memory is not") {
    TinyElf elf = TinyElf::fixed();
    elf.header.e_entry = 0x7ffffffff000;
    CHECK(failure(elf, PageCount(64)) == "the entry point 0x7ffffffff000 is outside of the user address space");
    elf.header.e_entry = 0x500000;
    CHECK(failure(elf, PageCount(64)).empty());
}

TEST_CASE("an address-space limit is kept to") {
    mm::ResourceLimits limits;
    for (std::uint64_t pages = 0; pages < 45; ++pages) {
        limits.address_space_bytes = pages * page_size;
        const std::string text = failure(TinyElf::fixed(), PageCount(64), limits);
        CAPTURE(pages);
        // 33 pages of stack, 2 of file, 2 of bss, 8 of the kernel's: one more than the last of these limits.
        CHECK(text.find("not enough memory") != std::string::npos);
    }
    limits.address_space_bytes = 45 * page_size;
    CHECK(failure(TinyElf::fixed(), PageCount(64), limits).empty());
}

TEST_CASE("arguments that are too long are refused before anything is mapped") {
    TestMachine machine(PageCount(64));
    const loader::ProgramArguments many{.execfn = "x", .argv = {"x"}, .envp = std::vector<std::string>(300000, "E")};
    CHECK(machine.load(TinyElf::fixed(), many).error().starts_with("arguments and environment are too long"));
    CHECK(machine.maps().empty());
}

TEST_CASE("a data page that cannot be read") {
    TestMachine machine(PageCount(64));
    const auto program = machine.file(std::make_unique<FailingTailSource>(TinyElf::fixed().bytes()));
    CHECK(machine.load(program, arguments()).error() ==
          "cannot zero the end of the data at 0x402010: Input/output error");
}

TEST_CASE("every allocation of an exec may fail: one clear line, and nothing is left behind") {
    for (const TinyElf& elf : {TinyElf::fixed(), TinyElf::position_independent()}) {
        std::uint64_t failures = 0;
        for (bool loaded = false; !loaded; ++failures) {
            REQUIRE(failures < 100);
            TestMachine machine(PageCount(64));
            machine.memory().buddy().fail_after(failures);
            const auto result = machine.load(elf, arguments());
            loaded = result.has_value();
            if (!loaded) CHECK(result.error().find("not enough memory") != std::string::npos);
            CHECK(machine.broken_invariants() == Lines{});
        }
        CHECK(failures > 6);  // three tables and a page for the stack, then the same again or nearly so for the data
    }
}

TEST_CASE("a machine too small says so") {
    bool loaded = false;
    for (std::uint64_t frames = 8; frames < 40; ++frames) {
        const std::string text = failure(TinyElf::fixed(), PageCount(frames));
        CAPTURE(frames);
        CHECK((text.empty() || text.find("not enough memory") != std::string::npos));
        CHECK((!loaded || text.empty()));  // once there is enough, more is no worse
        loaded = text.empty();
    }
    CHECK(loaded);
}

}  // namespace fl::test
