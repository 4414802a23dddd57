#include "loader_support.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace fl::test {

namespace {

std::unique_ptr<mm::MmStruct> new_mm(mm::PhysicalMemory& memory, mm::FileRegistry& files,
                                     const mm::ResourceLimits& limits) {
    auto created = mm::MmStruct::create(memory, files, limits);
    REQUIRE(created.has_value());
    return std::move(*created);
}

Elf64_Ehdr program_header_of(std::uint16_t type, std::uint64_t entry) {
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = type;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
    header.e_entry = entry;
    header.e_phoff = sizeof(Elf64_Ehdr);
    header.e_ehsize = sizeof(Elf64_Ehdr);
    header.e_phentsize = sizeof(Elf64_Phdr);
    return header;
}

TinyElf program_at(std::uint16_t type, std::uint64_t base) {
    TinyElf elf;
    elf.header = program_header_of(type, base + 0x1000);
    elf.table = {loadable(PF_R | PF_X, 0x1000, base + 0x1000, 0x100, 0x100),
                 loadable(PF_R | PF_W, 0x2000, base + 0x2000, 0x10, 0x2010)};
    return elf;
}

}  // namespace

Elf64_Phdr loadable(std::uint32_t flags, std::uint64_t offset, std::uint64_t address, std::uint64_t file_bytes,
                    std::uint64_t memory_bytes) {
    Elf64_Phdr header{};
    header.p_type = PT_LOAD;
    header.p_flags = flags;
    header.p_offset = offset;
    header.p_vaddr = header.p_paddr = address;
    header.p_filesz = file_bytes;
    header.p_memsz = memory_bytes;
    header.p_align = page_size;
    return header;
}

Elf64_Phdr other_header(std::uint32_t type, std::uint32_t flags) {
    Elf64_Phdr header{};
    header.p_type = type;
    header.p_flags = flags;
    return header;
}

TinyElf TinyElf::fixed() { return program_at(ET_EXEC, 0x400000); }
TinyElf TinyElf::position_independent() { return program_at(ET_DYN, 0); }

std::vector<std::byte> TinyElf::bytes() const {
    Elf64_Ehdr complete = header;
    complete.e_phnum = table_count.value_or(static_cast<std::uint16_t>(table.size()));
    const std::size_t table_bytes = table.size() * sizeof(Elf64_Phdr);
    std::vector<std::byte> file(std::max<std::size_t>(size_bytes, sizeof(complete) + table_bytes), filler);
    std::memcpy(file.data(), &complete, sizeof(complete));
    std::memcpy(file.data() + sizeof(complete), table.data(), table_bytes);
    return file;
}

TestMachine::TestMachine(PageCount frames, const mm::ResourceLimits& limits)
    : ram_(emu::Ram::create(frames).value()),
      memory_(ram_),
      files_(memory_),
      mmu_(ram_),
      handler_(memory_),
      vdso_(loader::Vdso::create(memory_).value()),
      free_before_(memory_.buddy().free_page_count()),
      mm_(new_mm(memory_, files_, limits)),
      user_memory_(mmu_, handler_, *mm_) {
    handler_.set_mm(mm_.get());
}

// Whatever a test did, taking the address space apart leaves no frame behind.
TestMachine::~TestMachine() {
    memory_.buddy().fail_after(std::nullopt);
    CHECK(broken_invariants() == std::vector<std::string>{});
    handler_.set_mm(nullptr);
    mm_.reset();
    files_.shrink();
    CHECK(memory_.buddy().free_page_count() == free_before_);
}

std::shared_ptr<mm::File> TestMachine::file(std::vector<std::byte> bytes) {
    return file(mm::memory_file_source(std::move(bytes)));
}

std::shared_ptr<mm::File> TestMachine::file(std::unique_ptr<mm::FileSource> source) {
    return files_.open(std::move(source), mm::FileIdentity{.path = "/tiny"});
}

tl::expected<loader::LoadedProgram, std::string> TestMachine::load(const std::shared_ptr<mm::File>& program,
                                                                   const loader::ProgramArguments& arguments) {
    const auto image = loader::parse_elf(*program);
    if (!image) return tl::unexpected(image.error());
    return loader::load_program(*mm_, user_memory_, program, *image, vdso_, arguments);
}

tl::expected<loader::LoadedProgram, std::string> TestMachine::load(const TinyElf& elf,
                                                                   const loader::ProgramArguments& arguments) {
    return load(file(elf.bytes()), arguments);
}

std::vector<std::string> TestMachine::maps() const {
    std::vector<std::string> lines;
    for (const mm::Vma* vma = mm_->vmas().first(); vma != nullptr; vma = vma->next()) {
        const std::uint64_t offset = vma->file() != nullptr ? vma->pgoff() * page_size : 0;
        lines.push_back(fmt::format("{:x}-{:x} {} {:x} {}", vma->start().value(), vma->end().value(),
                                    mm::protection_string(vma->flags()), offset, mm_->vma_name(*vma)));
    }
    return lines;
}

std::vector<std::string> TestMachine::broken_invariants() const {
    const std::array<const mm::MmStruct*, 1> mms{mm_.get()};
    return mm::verify(memory_, mms, files_.files());
}

}  // namespace fl::test
