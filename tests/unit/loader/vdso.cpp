// The vDSO's image as a program that knows ELF sees it. That its functions work is the business of the guest program
// vdso-time.
#include "loader/vdso.hpp"

#include "loader_support.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <map>
#include <string>

namespace fl::test {

namespace {

template <class T>
const T* at(std::uint64_t offset) {
    REQUIRE(offset + sizeof(T) <= loader::Vdso::image().size());
    return reinterpret_cast<const T*>(loader::Vdso::image().data() + offset);
}

std::map<std::int64_t, std::uint64_t> dynamic_entries() {
    const auto* header = at<Elf64_Ehdr>(0);
    std::map<std::int64_t, std::uint64_t> entries;
    for (unsigned i = 0; i < header->e_phnum; ++i) {
        const auto* part = at<Elf64_Phdr>(header->e_phoff + i * sizeof(Elf64_Phdr));
        if (part->p_type != PT_DYNAMIC) continue;
        for (auto offset = part->p_offset; at<Elf64_Dyn>(offset)->d_tag != DT_NULL; offset += sizeof(Elf64_Dyn)) {
            entries[at<Elf64_Dyn>(offset)->d_tag] = at<Elf64_Dyn>(offset)->d_un.d_val;
        }
    }
    return entries;
}

}  // namespace

TEST_CASE("the vDSO is one segment at 0 of code that cannot be written") {
    const auto* header = at<Elf64_Ehdr>(0);
    CHECK(std::memcmp(header->e_ident, ELFMAG, SELFMAG) == 0);
    CHECK(header->e_type == ET_DYN);
    unsigned loads = 0;
    for (unsigned i = 0; i < header->e_phnum; ++i) {
        const auto* part = at<Elf64_Phdr>(header->e_phoff + i * sizeof(Elf64_Phdr));
        if (part->p_type != PT_LOAD) continue;
        ++loads;
        CHECK(part->p_vaddr == 0);
        CHECK(part->p_offset == 0);
        CHECK(part->p_flags == (PF_R | PF_X));
        CHECK(part->p_memsz == part->p_filesz);
        CHECK(part->p_align == page_size);
    }
    CHECK(loads == 1);
}

TEST_CASE("the vDSO has the host's dynamic entries, and no relocations") {
    const auto entries = dynamic_entries();
    for (const std::int64_t tag : {DT_SONAME, DT_HASH, DT_GNU_HASH, DT_STRTAB, DT_SYMTAB, DT_VERDEF, DT_VERSYM}) {
        CHECK_MESSAGE(entries.contains(tag), tag);
    }
    for (const std::int64_t tag : {DT_RELA, DT_REL, DT_JMPREL, DT_NEEDED, DT_TEXTREL}) {
        CHECK_MESSAGE(!entries.contains(tag), tag);
    }
    CHECK(std::string(at<char>(entries.at(DT_STRTAB) + entries.at(DT_SONAME))) == "linux-vdso.so.1");
    // What start-up code reads lies in the first page.
    CHECK(entries.at(DT_STRTAB) + entries.at(DT_STRSZ) < page_size);
}

TEST_CASE("the vDSO follows its data, and the program is told where it is") {
    TestMachine machine(PageCount(64));
    REQUIRE(machine.load(TinyElf::fixed()).has_value());
    CHECK(machine.mm().saved_auxv()[0] == AT_SYSINFO_EHDR);
    const VirtAddr vdso(machine.mm().saved_auxv()[1]);
    const mm::Vma* vma = machine.mm().vmas().find(vdso);
    REQUIRE((vma != nullptr && vma->start() == vdso));
    CHECK(machine.mm().vma_name(*vma) == "[vdso]");
    CHECK(machine.mm().vma_name(*vma->previous()) == "[vvar_vclock]");
    CHECK(machine.mm().vma_name(*vma->previous()->previous()) == "[vvar]");
    std::vector<std::byte> seen(loader::Vdso::image().size());
    REQUIRE(machine.user_memory().copy_from(vdso, seen).has_value());
    CHECK(std::memcmp(seen.data(), loader::Vdso::image().data(), seen.size()) == 0);
    // Of the data only the time page exists.
    const VirtAddr vvar = vma->previous()->previous()->start();
    CHECK(machine.user_memory().read<std::uint32_t>(vvar).has_value());
    CHECK(!machine.user_memory().read<std::uint32_t>(vvar + page_size).has_value());
    CHECK(!machine.user_memory().read<std::uint32_t>(vma->previous()->start()).has_value());
}

}  // namespace fl::test
