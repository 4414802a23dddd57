#include "mm/fault_handler.hpp"

#include "tests/unit/mm/machine.hpp"

#include <functional>
#include <set>

namespace fl::mm {

using emu::Access;
using emu::Mode;
using emu::PteKind;
using test::base_address;
using test::Kinds;
using test::Lines;
using test::Machine;
using test::numbered_pages;
using test::outcome;
using test::page;
using test::private_anonymous;
using test::read_write;

namespace {

constexpr std::uint64_t file_private = map_private | map_fixed;
constexpr std::uint64_t file_shared = map_shared | map_fixed;
constexpr std::uint64_t anonymous_shared = map_shared | map_anonymous | map_fixed;

// Which pages of [0, count) are present.
std::set<std::uint64_t> present(const Machine& machine, std::uint64_t count) {
    std::set<std::uint64_t> pages;
    for (std::uint64_t i = 0; i < count; ++i) {
        if (machine.pte(page(i)).is_present()) pages.insert(i);
    }
    return pages;
}

std::set<std::uint64_t> interval(std::uint64_t from, std::uint64_t to) {
    std::set<std::uint64_t> pages;
    for (std::uint64_t i = from; i < to; ++i) pages.insert(i);
    return pages;
}

void fill_cache(File& file) {
    for (std::uint64_t i = 0; i < file.page_count().value(); ++i) REQUIRE(file.read_page(i).has_value());
}

}  // namespace

// --- classify --------------------------------------------------------------------------------------------------------

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
    // All kinds but oom, which is found only while resolving.
    CHECK(seen.size() == fault_kind_count - 1);
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
    CHECK(fatal == 4);
    CHECK(fault_kind_name(FaultKind::demand_zero) == std::string("demand_zero"));
    CHECK(fault_kind_name(FaultKind::oom) == std::string("oom"));
}

// --- anonymous memory
// --------------------------------------------------------------------------------------------------

TEST_CASE("fault: first write, first read, and the write after it") {
    Machine machine;
    REQUIRE(machine.map(page(0), 2).has_value());
    const PageCount free_before = machine.free_frames();
    CHECK(machine.write(page(0)) == Kinds{FaultKind::demand_zero});
    CHECK(machine.byte(page(0)) == std::byte{0});
    CHECK(machine.free_frames() == free_before - PageCount(4));  // three tables and the page
    CHECK(machine.write(page(0)) == Kinds{});
    CHECK(machine.read(page(0)) == Kinds{});

    CHECK(machine.read(page(1)) == Kinds{FaultKind::zero_page});
    CHECK(machine.free_frames() == free_before - PageCount(4));
    CHECK(machine.pte(page(1)).pfn() == machine.memory.zero_page());
    CHECK(machine.mm->rss().anonymous == PageCount(1));
    CHECK(machine.write(page(1)) == Kinds{FaultKind::zero_upgrade});
    CHECK(machine.pte(page(1)).pfn() != machine.memory.zero_page());
    CHECK(machine.mm->rss().anonymous == PageCount(2));
    CHECK(machine.write(page(1)) == Kinds{});
    CHECK(machine.broken() == "");
}

TEST_CASE("fault: the zero page is shared by all, never counted and never freed") {
    Machine machine;
    REQUIRE(machine.map(page(0), 300, prot_read).has_value());
    for (std::uint64_t i = 0; i < 300; ++i) CHECK(machine.read(page(i)) == Kinds{FaultKind::zero_page});
    const Frame& zero = machine.memory.frames()[machine.memory.zero_page()];
    CHECK(zero.map_count == 0);
    CHECK(zero.reference_count == 1);
    CHECK(machine.mm->rss().total() == PageCount(0));
    CHECK(machine.broken() == "");
    REQUIRE(machine.mm->advise(page(0), 100 * page_size, 4).has_value());
    REQUIRE(machine.mm->protect(page(100), 50 * page_size, 0).has_value());
    CHECK(machine.broken() == "");
    REQUIRE(machine.mm->unmap(page(0), 300 * page_size).has_value());
    CHECK(machine.memory.frames()[machine.memory.zero_page()].state == FrameState::zero_page);
    CHECK(machine.memory.frames()[machine.memory.zero_page()].reference_count == 1);
    CHECK(machine.broken() == "");
}

TEST_CASE("fault: an upgrade makes the processor forget the zero page") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1).has_value());
    machine.read(page(0));
    const emu::PageFault fault{page(0), Access::write, Mode::user, 7};
    CHECK(machine.handler.handle_page_fault(fault) == emu::FaultOutcome::retry_tlb_stale);
    REQUIRE(machine.map(page(5), 1).has_value());
    const emu::PageFault fresh{page(5), Access::write, Mode::user, 6};
    CHECK(machine.handler.handle_page_fault(fresh) == emu::FaultOutcome::retry);
}

TEST_CASE("fault: a frame with a past comes back as zeroes") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1).has_value());
    machine.write(page(0));
    machine.byte(page(0) + 5) = std::byte{0x5a};
    const Pfn pfn = machine.pte(page(0)).pfn();
    REQUIRE(machine.mm->advise(page(0), page_size, 4).has_value());
    machine.write(page(0));
    CHECK(machine.pte(page(0)).pfn() == pfn);
    CHECK(machine.byte(page(0) + 5) == std::byte{0});
}

// --- what is refused -----------------------------------------------------------------------------------------------

TEST_CASE("fault: no mapping, beyond the user half, and rights that are missing") {
    Machine machine;
    REQUIRE(machine.map(page(1), 1, prot_read).has_value());
    REQUIRE(machine.map(page(3), 1, 0).has_value());
    CHECK(machine.read(page(0)) == Kinds{FaultKind::segv_maperr});
    CHECK(machine.read(page(2)) == Kinds{FaultKind::segv_maperr});
    CHECK(machine.read(VirtAddr(0)) == Kinds{FaultKind::segv_maperr});
    CHECK(machine.read(task_size) == Kinds{FaultKind::segv_maperr});
    CHECK(machine.write(VirtAddr(0xffff800000000000)) == Kinds{FaultKind::segv_maperr});
    CHECK(machine.handler.last_fatal() == FaultKind::segv_maperr);
    CHECK(machine.write(page(1)) == Kinds{FaultKind::segv_accerr});
    for (const Access access : {Access::read, Access::write, Access::execute}) {
        CHECK(machine.touch(page(3), access) == Kinds{FaultKind::segv_accerr});
    }
    CHECK(machine.handler.last_fatal() == FaultKind::segv_accerr);
    CHECK_FALSE(machine.handler.take_oom());
    // Nothing was brought in for them, and none of them counts as minor or major.
    CHECK(machine.mm->page_table().table_count() == PageCount(1));
    CHECK(machine.handler.counters().minor == 0);
    CHECK(machine.handler.counters().major == 0);
    CHECK(machine.handler.counters().of(FaultKind::segv_maperr) == 5);
    CHECK(machine.handler.counters().of(FaultKind::segv_accerr) == 4);
    CHECK(machine.handler.counters().total() == 9);
}

TEST_CASE("fault: running data faults twice: the page comes, then the processor refuses it") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1).has_value());
    CHECK(machine.fetch(page(0)) == Kinds{FaultKind::zero_page, FaultKind::segv_accerr});
    REQUIRE(machine.observer.events.size() == 2);
    CHECK(machine.observer.events[0].error_code == 0x14);
    CHECK(machine.observer.events[1].error_code == 0x15);
    CHECK(machine.fetch(page(0)) == Kinds{FaultKind::segv_accerr});
    // A range that may be run is run.
    REQUIRE(machine.map(page(2), 1, read_write | prot_exec).has_value());
    CHECK(machine.fetch(page(2)) == Kinds{FaultKind::zero_page});
    CHECK(machine.write(page(2)) == Kinds{FaultKind::zero_upgrade});
    CHECK(machine.fetch(page(2)) == Kinds{});
}

TEST_CASE("fault: PROT_EXEC alone and PROT_WRITE alone can be read, as on x86") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1, prot_exec).has_value());
    REQUIRE(machine.map(page(2), 1, prot_write).has_value());
    CHECK(machine.read(page(0)) == Kinds{FaultKind::zero_page});
    CHECK(machine.fetch(page(0)) == Kinds{});
    CHECK(machine.write(page(0)) == Kinds{FaultKind::segv_accerr});
    CHECK(machine.read(page(2)) == Kinds{FaultKind::zero_page});
    CHECK(machine.write(page(2)) == Kinds{FaultKind::zero_upgrade});
}

TEST_CASE("fault: an entry that allows the access already is spurious, and the TLB is told") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1).has_value());
    machine.write(page(0));
    const emu::Pte before = machine.pte(page(0));
    const emu::PageFault fault{page(0), Access::write, Mode::user, 7};
    CHECK(machine.handler.handle_page_fault(fault) == emu::FaultOutcome::retry_tlb_stale);
    CHECK(machine.last_event().kind == FaultKind::spurious);
    CHECK(machine.pte(page(0)) == before);
}

// --- files -----------------------------------------------------------------------------------------------------------

TEST_CASE("fault: a page that must be read is major, one that is in the cache is minor") {
    Machine machine;
    const auto file = machine.open(numbered_pages(40 * page_size));
    REQUIRE(machine.map(page(0), 40, prot_read, file_private, file).has_value());
    CHECK(machine.read(page(20)) == Kinds{FaultKind::file_major});
    CHECK(machine.last_event().major);
    CHECK(machine.byte(page(20)) == std::byte{21});
    // The window came with it.
    CHECK(present(machine, 40) == interval(16, 32));
    CHECK(machine.last_event().pages_around == 15);
    CHECK(machine.mm->rss().file == PageCount(16));
    CHECK(machine.handler.counters().major == 1);

    REQUIRE(machine.mm->advise(page(0), 40 * page_size, 4).has_value());
    CHECK(machine.read(page(31)) == Kinds{FaultKind::file_minor});
    CHECK_FALSE(machine.last_event().major);
    CHECK(present(machine, 40) == interval(16, 32));
    CHECK(machine.handler.counters().major == 1);
    CHECK(machine.handler.counters().minor == 1);
    CHECK(machine.broken() == "");
}

TEST_CASE("fault: the window around a fault ends with the VMA, the file and the page table") {
    Machine machine(512);
    const auto file = machine.open(numbered_pages(100 * page_size));
    fill_cache(*file);
    const auto after_read = [&](std::uint64_t first, std::uint64_t pages, std::uint64_t pgoff, std::uint64_t touched) {
        REQUIRE(machine.map(page(first), pages, prot_read, file_private, file, pgoff).has_value());
        CHECK(machine.read(page(touched)) == Kinds{FaultKind::file_minor});
        const auto found = present(machine, 600);
        CHECK(machine.last_event().pages_around == found.size() - 1);
        CHECK(machine.broken() == "");
        REQUIRE(machine.mm->unmap(page(first), pages * page_size).has_value());
        return found;
    };
    // Aligned by address, whatever the offset in the file.
    CHECK(after_read(0, 64, 0, 17) == interval(16, 32));
    CHECK(after_read(0, 64, 5, 17) == interval(16, 32));
    CHECK(after_read(0, 64, 0, 16) == interval(16, 32));
    CHECK(after_read(0, 64, 0, 31) == interval(16, 32));
    // A VMA that starts inside the window moves it up; natively /proc/self/pagemap shows the same.
    CHECK(after_read(5, 64, 0, 7) == interval(5, 21));
    CHECK(after_read(5, 64, 0, 20) == interval(16, 32));
    CHECK(after_read(3, 64, 5, 5) == interval(3, 19));
    // The VMA's end cuts it off.
    CHECK(after_read(16, 4, 0, 17) == interval(16, 20));
    CHECK(after_read(18, 1, 0, 18) == interval(18, 19));
    // So does the page table's.
    CHECK(after_read(500, 64, 0, 507) == interval(500, 512));
    CHECK(after_read(500, 64, 0, 512) == interval(512, 528));
    // And the file's: pages past its end are not there to be mapped.
    CHECK(after_read(0, 64, 90, 3) == interval(0, 10));
}

TEST_CASE("fault: around a fault only cached pages are mapped, and entries that exist are left alone") {
    Machine machine;
    const auto file = machine.open(numbered_pages(16 * page_size));
    for (const std::uint64_t i : {1, 2, 4, 9}) REQUIRE(file->read_page(i).has_value());
    REQUIRE(machine.map(page(0), 16, read_write, file_private, file).has_value());
    CHECK(machine.write(page(2)) == Kinds{FaultKind::cow});
    CHECK(present(machine, 16) == interval(2, 3));  // a write brings its page alone
    const emu::Pte own = machine.pte(page(2));
    CHECK(machine.read(page(4)) == Kinds{FaultKind::file_minor});
    CHECK(present(machine, 16) == std::set<std::uint64_t>{1, 2, 4, 9});
    CHECK(machine.pte(page(2)) == own);
    CHECK(machine.last_event().pages_around == 2);
    CHECK(machine.broken() == "");
}

TEST_CASE("fault: past the end of a file is SIGBUS, its last page is not") {
    Machine machine;
    const auto file = machine.open(numbered_pages(page_size + 1));
    REQUIRE(machine.map(page(0), 4, read_write, file_private, file).has_value());
    CHECK(machine.read(page(1) + 4000) == Kinds{FaultKind::file_major});
    CHECK(machine.byte(page(1)) == std::byte{2});
    CHECK(machine.byte(page(1) + 1) == std::byte{0});
    CHECK(machine.read(page(2)) == Kinds{FaultKind::sigbus});
    CHECK(machine.write(page(2)) == Kinds{FaultKind::sigbus});
    CHECK(machine.handler.last_fatal() == FaultKind::sigbus);
    CHECK_FALSE(machine.handler.take_oom());
    CHECK(machine.broken() == "");
}

TEST_CASE("fault: an offset near the end of what a file can have is past the end too") {
    Machine machine;
    const auto file = machine.open(numbered_pages(page_size));
    const std::uint64_t last_index = (max_file_bytes - page_size) >> page_shift;
    CHECK(machine.map(page(0), 1, prot_read, file_private, file, last_index + 1).error() == Errno::eoverflow);
    REQUIRE(machine.map(page(0), 1, prot_read, file_private, file, last_index).has_value());
    CHECK(machine.read(page(0)) == Kinds{FaultKind::sigbus});
    CHECK(machine.broken() == "");
}

namespace {

class UnreadableSource final : public FileSource {
public:
    std::uint64_t size_bytes() const override { return 4 * page_size; }
    Result<void> read(std::uint64_t offset, std::span<std::byte>) const override {
        if (offset >= page_size) return fail(Errno::eio);
        return {};
    }
};

}  // namespace

TEST_CASE("fault: a page that cannot be read is SIGBUS; around a page that can it is left out") {
    Machine machine;
    const auto file = machine.files.open(std::make_unique<UnreadableSource>(), FileIdentity{.path = "/bad"});
    REQUIRE(machine.map(page(0), 4, read_write, file_private, file).has_value());
    CHECK(machine.read(page(0)) == Kinds{FaultKind::file_major});
    CHECK(present(machine, 4) == interval(0, 1));
    CHECK(machine.read(page(1)) == Kinds{FaultKind::sigbus});
    CHECK(machine.write(page(2)) == Kinds{FaultKind::sigbus});
    CHECK(machine.broken() == "");
}

TEST_CASE("fault: a private write copies the file's page, before or after it was read") {
    Machine machine;
    const auto file = machine.open(numbered_pages(3 * page_size));
    REQUIRE(machine.map(page(0), 3, read_write, file_private, file).has_value());
    // Written first: one fault, which reads and copies.
    CHECK(machine.write(page(0)) == Kinds{FaultKind::cow});
    CHECK(machine.last_event().major);
    CHECK(machine.byte(page(0)) == std::byte{1});
    CHECK(machine.mm->rss() == RssCounters{PageCount(1), PageCount(0), PageCount(0)});
    machine.byte(page(0)) = std::byte{77};
    CHECK(machine.ram.frame(*file->cached(0))[0] == std::byte{1});
    // Read, then written.
    CHECK(machine.read(page(1)) == Kinds{FaultKind::file_major});
    CHECK(machine.mm->rss() == RssCounters{PageCount(1), PageCount(2), PageCount(0)});
    CHECK(machine.write(page(1)) == Kinds{FaultKind::cow});
    CHECK_FALSE(machine.last_event().major);
    CHECK(machine.byte(page(1)) == std::byte{2});
    CHECK(machine.mm->rss() == RssCounters{PageCount(2), PageCount(1), PageCount(0)});
    CHECK(machine.write(page(1)) == Kinds{});
    CHECK(machine.memory.frames()[*file->cached(1)].map_count == 0);
    CHECK(machine.broken() == "");
}

TEST_CASE("fault: a copy keeps the tail of the file zero") {
    Machine machine;
    const auto file = machine.open(numbered_pages(100));
    REQUIRE(machine.map(page(0), 1, read_write, file_private, file).has_value());
    machine.write(page(0));
    CHECK(machine.byte(page(0) + 99) == std::byte{1});
    CHECK(machine.byte(page(0) + 100) == std::byte{0});
    CHECK(machine.byte(page(0) + 4095) == std::byte{0});
}

TEST_CASE("fault: two mappings of one file share its pages until one writes") {
    Machine machine;
    const auto file = machine.open(numbered_pages(page_size));
    REQUIRE(machine.map(page(0), 1, read_write, file_private, file).has_value());
    REQUIRE(machine.map(page(10), 1, prot_read, file_private, file).has_value());
    machine.read(page(0));
    CHECK(machine.read(page(10)) == Kinds{FaultKind::file_minor});
    CHECK(machine.pte(page(0)).pfn() == machine.pte(page(10)).pfn());
    CHECK(machine.memory.frames()[*file->cached(0)].map_count == 2);
    machine.write(page(0));
    machine.byte(page(0)) = std::byte{9};
    CHECK(machine.byte(page(10)) == std::byte{1});
    CHECK(machine.broken() == "");
}

TEST_CASE("fault: a write to shared memory brings one page, writable at once, seen through every mapping") {
    Machine machine;
    const auto file = machine.open(numbered_pages(20 * page_size));
    fill_cache(*file);
    REQUIRE(machine.map(page(0), 20, read_write, file_shared, file).has_value());
    CHECK(machine.write(page(3)) == Kinds{FaultKind::file_minor});
    CHECK(present(machine, 20) == interval(3, 4));
    CHECK(machine.last_event().pages_around == 0);
    CHECK(machine.read(page(4)) == Kinds{FaultKind::file_minor});
    CHECK(present(machine, 20) == interval(0, 16));
    machine.byte(page(3)) = std::byte{88};
    REQUIRE(machine.map(page(100), 1, prot_read, file_private, file, 3).has_value());
    machine.read(page(100));
    CHECK(machine.byte(page(100)) == std::byte{88});
    CHECK(machine.broken() == "");

    REQUIRE(machine.map(page(200), 4, read_write, anonymous_shared).has_value());
    CHECK(machine.write(page(200)) == Kinds{FaultKind::demand_zero});
    CHECK(machine.read(page(201)) == Kinds{FaultKind::demand_zero});
    CHECK(machine.write(page(201)) == Kinds{});
    CHECK(machine.mm->rss().shared_memory == PageCount(2));
    CHECK(machine.broken() == "");
}

TEST_CASE("fault: a writable page that lost its right is given it back when it is nobody else's") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1).has_value());
    machine.write(page(0));
    const Pfn pfn = machine.pte(page(0)).pfn();
    emu::Pte* slot = machine.mm->page_table().find(page(0));
    *slot = slot->without_writable();
    CHECK(machine.write(page(0)) == Kinds{FaultKind::cow_reuse});
    CHECK(machine.pte(page(0)).pfn() == pfn);
    CHECK(machine.pte(page(0)).writable());
    CHECK(machine.broken() == "");
}

TEST_CASE("fault: a page that somebody else refers to is copied") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1).has_value());
    machine.write(page(0));
    machine.byte(page(0)) = std::byte{3};
    const Pfn pfn = machine.pte(page(0)).pfn();
    machine.memory.add_reference(pfn);
    emu::Pte* slot = machine.mm->page_table().find(page(0));
    *slot = slot->without_writable();
    CHECK(machine.write(page(0)) == Kinds{FaultKind::cow});
    CHECK(machine.pte(page(0)).pfn() != pfn);
    CHECK(machine.byte(page(0)) == std::byte{3});
    CHECK(machine.memory.frames()[pfn].reference_count == 1);
    CHECK(machine.memory.frames()[pfn].map_count == 0);
    machine.memory.release(pfn);
    CHECK(machine.broken() == "");
}

// --- out of frames
// -----------------------------------------------------------------------------------------------------

TEST_CASE("fault: out of frames at each allocation in turn, nothing has changed and it works the next time") {
    struct Case {
        const char* name;
        std::function<void(Machine&)> prepare;
        Access access;
        FaultKind kind;
    };
    const auto map_file = [](Machine& machine, std::uint64_t prot, std::uint64_t flags) {
        REQUIRE(machine.map(page(0), 8, prot, flags, machine.open(numbered_pages(8 * page_size))).has_value());
    };
    const std::vector<Case> cases = {
        {"demand_zero", [](Machine& m) { REQUIRE(m.map(page(0), 8)); }, Access::write, FaultKind::demand_zero},
        {"zero_page", [](Machine& m) { REQUIRE(m.map(page(0), 8)); }, Access::read, FaultKind::zero_page},
        {"zero_upgrade",
         [](Machine& m) {
             REQUIRE(m.map(page(0), 8));
             m.read(page(2));
         },
         Access::write, FaultKind::zero_upgrade},
        {"file", [&](Machine& m) { map_file(m, prot_read, file_private); }, Access::read, FaultKind::file_major},
        {"shared file", [&](Machine& m) { map_file(m, read_write, file_shared); }, Access::write,
         FaultKind::file_major},
        {"copy of a page never read", [&](Machine& m) { map_file(m, read_write, file_private); }, Access::write,
         FaultKind::cow},
        {"copy of a page read before",
         [&](Machine& m) {
             map_file(m, read_write, file_private);
             m.read(page(2));
         },
         Access::write, FaultKind::cow},
        {"shared memory", [](Machine& m) { REQUIRE(m.map(page(0), 8, read_write, anonymous_shared)); }, Access::write,
         FaultKind::demand_zero},
    };
    for (const Case& c : cases) {
        CAPTURE(c.name);
        bool succeeded = false;
        for (std::uint64_t successes = 0; !succeeded; ++successes) {
            CAPTURE(successes);
            REQUIRE(successes < 10);
            Machine machine;
            c.prepare(machine);
            const Lines layout = machine.layout();
            const RssCounters rss = machine.mm->rss();
            const test::Sizes sizes = test::sizes(*machine.mm);
            const emu::Pte entry = machine.pte(page(2));
            machine.memory.buddy().fail_after(successes);
            const Kinds kinds = machine.touch(page(2), c.access);
            machine.memory.buddy().fail_after(std::nullopt);
            succeeded = kinds.front() != FaultKind::oom;
            if (!succeeded) {
                CHECK(kinds == Kinds{FaultKind::oom});
                CHECK(machine.handler.last_fatal() == FaultKind::oom);
                CHECK(machine.handler.take_oom());
                CHECK_FALSE(machine.handler.take_oom());
                CHECK(machine.layout() == layout);
                CHECK(machine.mm->rss() == rss);
                CHECK(test::sizes(*machine.mm) == sizes);
                CHECK(machine.pte(page(2)) == entry);
                CHECK(machine.broken() == "");
                // The page of the file may have been read meanwhile.
                CHECK(machine.touch(page(2), c.access).size() == 1);
            } else {
                CHECK(kinds == Kinds{c.kind});
            }
            CHECK(machine.broken() == "");
        }
    }
}

TEST_CASE("fault: a stack that ran out of frames has grown, as on Linux, and is sound") {
    for (std::uint64_t successes = 0; successes < 4; ++successes) {
        Machine machine;
        REQUIRE(machine.mm->map_stack(page(1000), page_size, false).has_value());
        machine.memory.buddy().fail_after(successes);
        CHECK(machine.write(page(998)) == Kinds{FaultKind::oom});
        CHECK(machine.layout(base_address) == Lines{"998-1000 rw-p"});
        CHECK(machine.broken() == "");
        machine.memory.buddy().fail_after(std::nullopt);
        CHECK(machine.write(page(998)) == Kinds{FaultKind::demand_zero});
        CHECK(machine.broken() == "");
    }
}

TEST_CASE("fault: short of memory, the page cache makes room and the page that is copied stays") {
    // 16 frames: 2 of the machine, 4 tables, so 10 for pages.
    Machine machine(16);
    const auto file = machine.open(numbered_pages(6 * page_size));
    REQUIRE(machine.map(page(0), 6, read_write, file_private, file).has_value());
    REQUIRE(machine.map(page(10), 9).has_value());
    for (std::uint64_t i = 0; i < 6; ++i) {
        CHECK(machine.write(page(i)) == Kinds{FaultKind::cow});
        CHECK(machine.byte(page(i)) == static_cast<std::byte>(1 + i));
        CHECK(machine.broken() == "");
    }
    // Four frames are left, all of them in the page cache.
    for (std::uint64_t i = 0; i < 4; ++i) CHECK(machine.write(page(10 + i)) == Kinds{FaultKind::demand_zero});
    CHECK(machine.write(page(14)) == Kinds{FaultKind::oom});
    CHECK(file->cached_page_count() == PageCount(0));
    CHECK(machine.broken() == "");
}

TEST_CASE("fault: reading ahead stops where memory ends, and the page asked for is there") {
    Machine machine(16);
    const auto file = machine.open(numbered_pages(16 * page_size));
    REQUIRE(machine.map(page(0), 16, prot_read, file_private, file).has_value());
    CHECK(machine.read(page(15)) == Kinds{FaultKind::file_major});
    CHECK(machine.byte(page(15)) == std::byte{16});
    CHECK(machine.broken() == "");
}

// --- kernel mode and events
// ----------------------------------------------------------------------------------------------

TEST_CASE("fault: the kernel's accesses are served the same, and their effects wait for it") {
    Machine machine;
    REQUIRE(machine.map(page(0), 2).has_value());
    CHECK(machine.touch(page(0), Access::write, Mode::kernel) == Kinds{FaultKind::demand_zero});
    CHECK(machine.last_event().mode == Mode::kernel);
    CHECK(machine.last_event().error_code == 2);
    machine.read(page(1));
    machine.mm->take_effects();
    const emu::PageFault upgrade{page(1), Access::write, Mode::kernel, 3};
    CHECK(machine.handler.handle_page_fault(upgrade) == emu::FaultOutcome::retry);
    CHECK(machine.mm->take_effects().tlb_stale);
    CHECK(machine.touch(page(7), Access::read, Mode::kernel) == Kinds{FaultKind::segv_maperr});
    CHECK(machine.touch(task_size, Access::read, Mode::kernel) == Kinds{FaultKind::segv_maperr});
}

TEST_CASE("fault: an event says all that is known") {
    Machine machine;
    const auto file = machine.open(numbered_pages(20 * page_size), "/bin/prog");
    REQUIRE(machine.map(page(0), 2).has_value());
    REQUIRE(machine.map(page(16), 20, prot_read | prot_exec, file_private, file).has_value());
    machine.write(page(1) + 0x123);
    const FaultEvent first = machine.last_event();
    CHECK(first.sequence == 1);
    CHECK(first.origin.time_ns == 42);
    CHECK(first.origin.pid == 7);
    CHECK(first.origin.tid == 8);
    CHECK(first.origin.instruction == VirtAddr(0x401000));
    CHECK(first.address == page(1) + 0x123);
    CHECK(first.access == Access::write);
    CHECK(first.mode == Mode::user);
    CHECK(first.error_code == 6);
    CHECK(first.kind == FaultKind::demand_zero);
    CHECK_FALSE(first.major);
    REQUIRE(first.vma.has_value());
    CHECK(first.vma->range == VirtRange{page(0), page(2)});
    CHECK(first.vma->name == "");
    CHECK(first.pte_before.is_none());
    CHECK(first.pte_after.writable());
    CHECK(first.pfn == first.pte_after.pfn());
    CHECK(first.tables_allocated == 3);
    CHECK(first.pages_around == 0);

    machine.fetch(page(17));
    const FaultEvent second = machine.last_event();
    CHECK(second.sequence == 2);
    CHECK(second.access == Access::execute);
    CHECK(second.error_code == 0x14);
    CHECK(second.kind == FaultKind::file_major);
    CHECK(second.major);
    CHECK(second.vma->name == "/bin/prog");
    CHECK(second.vma->file == file);
    CHECK(second.tables_allocated == 0);
    CHECK(second.pages_around == 15);
    CHECK(second.pte_after.executable());

    machine.read(page(100));
    const FaultEvent third = machine.last_event();
    CHECK(third.sequence == 3);
    CHECK(third.kind == FaultKind::segv_maperr);
    CHECK_FALSE(third.vma.has_value());
    CHECK_FALSE(third.pfn.has_value());
    CHECK(third.pte_after.is_none());
    CHECK(third.tables_allocated == 0);
}

TEST_CASE("fault: the VMA of an event is the one after the stack has grown") {
    Machine machine;
    REQUIRE(machine.mm->map_stack(page(100), page_size, false).has_value());
    machine.write(page(98));
    CHECK(machine.last_event().vma->range == VirtRange{page(98), page(100)});
    CHECK(machine.last_event().kind == FaultKind::stack_grow);
    CHECK(machine.last_event().tables_allocated == 3);
}

TEST_CASE("fault: without an observer the counters count all the same") {
    Machine machine;
    machine.handler.observe(nullptr, nullptr);
    REQUIRE(machine.map(page(0), 2).has_value());
    machine.write(page(0));
    machine.read(page(1));
    machine.read(page(9));
    const FaultCounters& counters = machine.handler.counters();
    CHECK(counters.of(FaultKind::demand_zero) == 1);
    CHECK(counters.of(FaultKind::zero_page) == 1);
    CHECK(counters.of(FaultKind::segv_maperr) == 1);
    CHECK(counters.minor == 2);
    CHECK(counters.total() == 3);
}

TEST_CASE("fault: pages get their VMA's family once, neighbours share it") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1, read_write).has_value());
    REQUIRE(machine.map(page(1), 1, prot_read).has_value());
    REQUIRE(machine.map(page(4), 1, read_write).has_value());
    const auto family = [&](std::uint64_t index) { return machine.mm->vmas().find(page(index))->anon_vma(); };
    machine.read(page(0));
    CHECK(family(0) == nullptr);
    machine.write(page(0));
    CHECK(family(0) != nullptr);
    machine.write(page(4));
    CHECK(family(4) != family(0));
}

}  // namespace fl::mm
