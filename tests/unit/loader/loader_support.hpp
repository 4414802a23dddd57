// What the loader's tests share: tiny ELF files made by hand, and a machine to load them into.
#pragma once

#include "loader/exec.hpp"
#include "mm/fault_handler.hpp"
#include "mm/file.hpp"
#include "mm/verify.hpp"

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fl::test {

Elf64_Phdr loadable(std::uint32_t flags, std::uint64_t offset, std::uint64_t address, std::uint64_t file_bytes,
                    std::uint64_t memory_bytes);
Elf64_Phdr other_header(std::uint32_t type, std::uint32_t flags = 0);

// An ELF file as its parts; bytes() puts them together. Every byte that no part covers is `filler`.
struct TinyElf {
    static constexpr std::byte filler{0xaa};

    Elf64_Ehdr header{};
    std::vector<Elf64_Phdr> table;
    std::uint64_t size_bytes = 0x3000;
    std::optional<std::uint16_t> table_count;  // e_phnum where it is not the table's size

    // Code (r-x) at 0x401000 and data (rw-) at 0x402000 with a bss of two more pages.
    static TinyElf fixed();
    // The same from address 0x1000 on.
    static TinyElf position_independent();
    std::vector<std::byte> bytes() const;
};

// RAM, kernel structures and one fresh address space.
class TestMachine {
public:
    explicit TestMachine(PageCount frames, const mm::ResourceLimits& limits = {});
    ~TestMachine();
    TestMachine(const TestMachine&) = delete;
    TestMachine& operator=(const TestMachine&) = delete;

    std::shared_ptr<mm::File> file(std::vector<std::byte> bytes);
    std::shared_ptr<mm::File> file(std::unique_ptr<mm::FileSource> source);
    tl::expected<loader::LoadedProgram, std::string> load(const std::shared_ptr<mm::File>& program,
                                                          const loader::ProgramArguments& arguments = {});
    // Parses and loads; the error is either's.
    tl::expected<loader::LoadedProgram, std::string> load(const TinyElf& elf,
                                                          const loader::ProgramArguments& arguments = {});

    mm::MmStruct& mm() { return *mm_; }
    mm::UserMemory& user_memory() { return user_memory_; }
    mm::PhysicalMemory& memory() { return memory_; }
    // What /proc/PID/maps would print, without device and inode.
    std::vector<std::string> maps() const;
    std::vector<std::string> broken_invariants() const;

private:
    emu::Ram ram_;
    mm::PhysicalMemory memory_;
    mm::FileRegistry files_;
    emu::Mmu mmu_;
    mm::FaultHandler handler_;
    loader::Vdso vdso_;
    PageCount free_before_;
    std::unique_ptr<mm::MmStruct> mm_;
    mm::UserMemory user_memory_;
};

}  // namespace fl::test
