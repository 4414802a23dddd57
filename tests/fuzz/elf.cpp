// Any bytes as a program: they are refused with one clear line, or loaded into a tiny machine. Either way the memory
// manager's books are right afterwards and every frame comes back.
#include "emu/ram.hpp"
#include "loader/exec.hpp"
#include "mm/fault_handler.hpp"
#include "mm/file.hpp"
#include "mm/verify.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace fl;

// Room for a few page tables, a stack and some data, so that inputs reach the ends of it.
constexpr PageCount machine_frames{48};

void require(bool condition, std::string_view what) {
    if (condition) return;
    std::fprintf(stderr, "fuzz_elf: %.*s\n", static_cast<int>(what.size()), what.data());
    std::abort();
}

bool is_one_line(const std::string& text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

void load(mm::PhysicalMemory& memory, mm::FileRegistry& files, emu::Ram& ram, std::vector<std::byte> bytes) {
    const auto vdso = loader::Vdso::create(memory);
    require(vdso.has_value(), "no vDSO in an empty machine");
    const auto file = files.open(mm::memory_file_source(std::move(bytes)), mm::FileIdentity{.path = "/fuzz"});
    const auto image = loader::parse_elf(*file);
    if (!image) return require(is_one_line(image.error()), "the parser's message is not one line");

    auto mm = mm::MmStruct::create(memory, files, mm::ResourceLimits{});
    require(mm.has_value(), "no address space in an empty machine");
    emu::Mmu mmu(ram);
    mm::FaultHandler handler(memory);
    handler.set_mm(mm->get());
    mm::UserMemory user_memory(mmu, handler, **mm);
    const loader::ProgramArguments arguments{.execfn = "/fuzz", .argv = {"fuzz"}, .envp = {"A=B"}};
    const auto loaded = loader::load_program(**mm, user_memory, file, *image, *vdso, arguments);
    if (!loaded) require(is_one_line(loaded.error()), "the loader's message is not one line");
    if (loaded) require(loaded->entry < mm::task_size, "the entry point is outside of the user half");

    // The first things that a C library does with what the headers promised.
    (*mm)->set_brk((*mm)->start_brk() + 3 * page_size);
    const std::array<const mm::MmStruct*, 1> mms{mm->get()};
    const auto broken = mm::verify(memory, mms, files.files());
    require(broken.empty(), broken.empty() ? "" : broken.front());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto ram = emu::Ram::create(machine_frames);
    require(ram.has_value(), "no memory for the machine");
    mm::PhysicalMemory memory(*ram);
    const PageCount free_before = memory.buddy().free_page_count();
    {
        mm::FileRegistry files(memory);
        const auto bytes = std::as_bytes(std::span(data, size));
        load(memory, files, *ram, {bytes.begin(), bytes.end()});
    }
    require(memory.buddy().free_page_count() == free_before, "frames were left behind");
    return 0;
}
