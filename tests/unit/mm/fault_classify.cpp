#include "mm/fault_handler.hpp"

#include "tests/unit/mm/machine.hpp"

#include <set>

namespace fl::mm {

using emu::Access;
using emu::PteKind;
using namespace test;

namespace {

// The rules once more, as a list of exclusions in the order of the manual pages rather than of the code.
FaultKind expected_kind(const FaultSituation& s) {
    if (s.vma == nullptr) return FaultKind::segv_maperr;
    const VmFlags flags = s.vma->flags();
    const bool readable = flags.has_any(vm_read | vm_write | vm_exec);
    const bool write = s.access == Access::write;
    if (!readable || (write && !flags.has(vm_write))) return FaultKind::segv_accerr;
    if (s.pte.kind() == PteKind::swapped) return FaultKind::swap_in;
    const bool resident = s.pte.is_resident();
    if (resident && s.access == Access::execute && !flags.has(vm_exec)) return FaultKind::segv_accerr;
    if (resident && (!write || s.pte.writable())) return FaultKind::spurious;
    if (resident && s.is_zero_page) return FaultKind::zero_upgrade;
    if (resident && flags.has(vm_shared)) return FaultKind::write_notify;
    if (resident) return s.sole_owner ? FaultKind::cow_reuse : FaultKind::cow;
    if (s.vma->file() == nullptr) {
        if (!s.vma->is_anonymous()) return FaultKind::sigbus;
        if (s.stack_grew) return FaultKind::stack_grow;
        return write ? FaultKind::demand_zero : FaultKind::zero_page;
    }
    if (s.past_file_end) return FaultKind::sigbus;
    if (write && !flags.has(vm_shared)) return FaultKind::cow;
    if (s.in_page_cache) return FaultKind::file_minor;
    return s.vma->file()->kind() == FileKind::shared_memory ? FaultKind::demand_zero : FaultKind::file_major;
}

}  // namespace

TEST_CASE("classify: every combination of range, access, entry and circumstance") {
    emu::Ram ram = test::make_ram(16);
    PhysicalMemory memory(ram);
    FileRegistry files(memory);
    const auto regular = files.open(memory_file_source(numbered_pages(page_size)), FileIdentity{});
    const auto shared = files.create(FileIdentity{}, FileKind::shared_memory, page_size);

    std::vector<std::unique_ptr<Vma>> vmas;
    vmas.push_back(nullptr);
    for (unsigned prot = 0; prot < 8; ++prot) {
        const VmFlags rights = VmFlags(prot) | vm_may_flags;
        const auto add = [&](VmFlags extra, VmaBacking backing) {
            vmas.push_back(
                std::make_unique<Vma>(VirtRange{page(0), page(4)}, VmaContent{rights | extra, std::move(backing), 0}));
        };
        add({}, AnonymousBacking{});
        add(vm_growsdown, AnonymousBacking{});
        add({}, FileBacking{regular});
        add(vm_shared, FileBacking{regular});
        add(vm_shared, FileBacking{shared});
        add({}, SpecialBacking{"[vvar]", nullptr});
    }
    const emu::Pte read_only = emu::Pte::present(Pfn(5), {.writable = false, .user = true});
    const std::vector<emu::Pte> entries = {emu::Pte::none(), read_only, read_only.with_writable(),
                                           read_only.with_prot_none(), emu::Pte::swapped(emu::SwapSlot(3))};

    std::set<FaultKind> seen;
    std::size_t combinations = 0;
    for (const auto& vma : vmas) {
        for (const Access access : {Access::read, Access::write, Access::execute}) {
            for (const emu::Pte entry : entries) {
                for (unsigned bits = 0; bits < 32; ++bits) {
                    const FaultSituation situation{.vma = vma.get(),
                                                   .access = access,
                                                   .pte = entry,
                                                   .stack_grew = (bits & 1) != 0,
                                                   .is_zero_page = (bits & 2) != 0,
                                                   .sole_owner = (bits & 4) != 0,
                                                   .past_file_end = (bits & 8) != 0,
                                                   .in_page_cache = (bits & 16) != 0};
                    const FaultKind kind = classify(situation);
                    REQUIRE(kind == expected_kind(situation));
                    seen.insert(kind);
                    ++combinations;
                }
            }
        }
    }
    CHECK(combinations == 49 * 3 * 5 * 32);
    // All kinds but oom, which is found only while resolving, and those that take a userfaultfd (mm_userfault.cpp).
    CHECK(seen.size() == fault_kind_count - 3);
    CHECK_FALSE(seen.contains(FaultKind::oom));
}

TEST_CASE("fault kinds: names and which of them are fatal") {
    std::set<std::string> names;
    std::size_t fatal = 0;
    for (std::size_t i = 0; i < fault_kind_count; ++i) {
        names.insert(fault_kind_name(static_cast<FaultKind>(i)));
        fatal += is_fatal(static_cast<FaultKind>(i)) ? 1 : 0;
    }
    CHECK(names.size() == fault_kind_count);
    CHECK(fatal == 5);
    CHECK(fault_kind_name(FaultKind::demand_zero) == std::string("demand_zero"));
    CHECK(fault_kind_name(FaultKind::oom) == std::string("oom"));
}

}  // namespace fl::mm
