// A check that cannot fail proves nothing: here each invariant is broken by hand, and verify() must say so.
#include "mm/verify.hpp"

#include "tests/unit/mm/machine.hpp"

namespace fl::mm {

using namespace test;

namespace {

// A machine with a page of every sort: anonymous (0), of zeroes (1), hidden (4), of a file: read (8), copied (9),
// shared memory (16), and one read-only (20).
struct Sample : Machine {
    Sample() {
        file = open(numbered_pages(2 * page_size));
        REQUIRE(map(page(0), 2));
        REQUIRE(map(page(4), 1));
        REQUIRE(map(page(8), 2, read_write, map_private | map_fixed, file));
        REQUIRE(map(page(16), 1, read_write, map_shared | map_anonymous | map_fixed));
        REQUIRE(map(page(20), 1));
        write(page(0));
        read(page(1));
        write(page(4));
        read(page(8));
        write(page(9));
        write(page(16));
        write(page(20));
        REQUIRE(mm->protect(page(4), page_size, 0));
        REQUIRE(mm->protect(page(20), page_size, prot_read));
        observer.events.clear();
        REQUIRE(broken() == "");
    }
    emu::Pte& slot(std::uint64_t index) { return *mm->page_table().find(page(index)); }
    Vma& vma(std::uint64_t index) { return *mm->vmas().find(page(index)); }
    void insert_vma(VirtAddr start, VmFlags flags) {
        mm->vmas().insert(std::make_unique<Vma>(VirtRange{start, start + page_size},
                                                VmaContent{flags, AnonymousBacking{}, start.vpn().value()}));
    }
    bool complains(const std::string& of) {
        const std::string text = broken();
        CAPTURE(text);
        CHECK(text.find(of) != std::string::npos);
        return text.find(of) != std::string::npos;
    }

    std::shared_ptr<File> file;
};

// The address space is not sound any more: it must not be taken down in an orderly way.
template <class Break>
void check_reported(const std::string& complaint, Break&& break_it) {
    CAPTURE(complaint);
    auto* sample = new Sample;  // never destroyed: its destructor would trip over what was broken
    // NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): what LeakSanitizer takes for in use
    static auto& keep = *new std::vector<Sample*>;
    keep.push_back(sample);
    break_it(*sample);
    sample->complains(complaint);
    sample->file.reset();
}

}  // namespace

TEST_CASE("verify: entries that grant more than their VMA") {
    check_reported("writable, its range is not", [](Sample& s) { s.slot(20) = s.slot(20).with_writable(); });
    check_reported("executable, its range is not", [](Sample& s) {
        s.slot(0) = s.slot(0).with_access({.writable = true, .user = true, .executable = true});
    });
    check_reported("present under PROT_NONE", [](Sample& s) { s.slot(4) = s.slot(4).with_access({.user = true}); });
    check_reported("hidden in an accessible range", [](Sample& s) { s.slot(0) = s.slot(0).with_prot_none(); });
    check_reported("the zero page is writable", [](Sample& s) { s.slot(1) = s.slot(1).with_writable(); });
    check_reported("can write to a page it does not own", [](Sample& s) { s.slot(8) = s.slot(8).with_writable(); });
}

TEST_CASE("verify: entries that point to the wrong place") {
    check_reported("is no user page",
                   [](Sample& s) { s.slot(1) = emu::Pte::present(s.mm->page_table().root(), {.user = true}); });
    check_reported("is no user page", [](Sample& s) { s.slot(1) = emu::Pte::present(Pfn(0), {.user = true}); });
    check_reported("lies beyond RAM", [](Sample& s) { s.slot(1) = emu::Pte::present(Pfn(64), {.user = true}); });
    check_reported("names a swap slot", [](Sample& s) { s.slot(1) = emu::Pte::swapped(emu::SwapSlot(1)); });
    check_reported("maps another page than the file's", [](Sample& s) { std::swap(s.slot(8), s.slot(16)); });
    check_reported("lie outside every vma",
                   [](Sample& s) { s.slot(3) = emu::Pte::present(s.memory.zero_page(), {.user = true}); });
    check_reported("does not lead back to pte", [](Sample& s) { std::swap(s.slot(0), s.slot(9)); });
    check_reported("does not lead back to pte", [](Sample& s) {
        s.memory.frames().set_anchor(s.slot(0).pfn(), RmapAnchor::of(*s.file, page(0).vpn().value()));
    });
    check_reported("anchor does not name page",
                   [](Sample& s) { s.memory.frames().set_anchor(*s.file->cached(0), RmapAnchor::of(*s.file, 1)); });
    check_reported("private pages without anon_vma", [](Sample& s) {
        s.vma(0).detach();
        s.vma(0).attach(*s.mm);
    });
}

TEST_CASE("verify: counts of frames") {
    check_reported("map count 1, a scan finds 0", [](Sample& s) { s.slot(0) = emu::Pte::none(); });
    check_reported("1 references, a scan finds 0", [](Sample& s) { s.slot(0) = emu::Pte::none(); });
    check_reported("leaked", [](Sample& s) { s.slot(0) = emu::Pte::none(); });
    check_reported("2 references, a scan finds 1", [](Sample& s) { s.memory.add_reference(s.slot(0).pfn()); });
    check_reported("3 references, a scan finds 2", [](Sample& s) { s.memory.add_reference(s.slot(8).pfn()); });
    check_reported("map count 2, a scan finds 1", [](Sample& s) {
        s.memory.add_reference(s.slot(0).pfn());
        s.memory.frames().add_mapping(s.slot(0).pfn(), nullptr);
    });
    check_reported("leaked", [](Sample& s) { (void)s.memory.allocate(FrameState::anonymous, Fill::zeroed); });
    check_reported("leaked", [](Sample& s) { (void)s.memory.allocate(FrameState::page_table, Fill::zeroed); });
    check_reported("2 references, a scan finds 1", [](Sample& s) { s.memory.add_reference(s.memory.zero_page()); });
    check_reported("on no free list", [](Sample& s) {
        const Pfn pfn = s.memory.allocate(FrameState::anonymous, Fill::zeroed).value();
        s.memory.frames().drop_reference(pfn);
    });
}

TEST_CASE("verify: counters of the address space") {
    check_reported("resident set counters differ", [](Sample& s) {
        // Correct for the frame, unknown to the address space.
        const Pfn pfn = s.memory.allocate(FrameState::anonymous, Fill::zeroed).value();
        s.memory.frames().add_mapping(pfn, nullptr);
        s.memory.frames().set_anchor(pfn, RmapAnchor::of(*s.vma(0).anon_vma(), page(1).vpn().value()));
        s.slot(1) = emu::Pte::present(pfn, {.user = true});
    });
    check_reported("virtual size counters differ", [](Sample& s) {
        s.mm->vmas().resize(s.vma(20), VirtRange{page(20), page(22)});
    });
    check_reported("virtual size counters differ",
                   [](Sample& s) { s.vma(20).set_flags(s.vma(20).flags() | vm_write); });
}

TEST_CASE("verify: VMAs") {
    check_reported("could be merged", [](Sample& s) { s.insert_vma(page(2), s.vma(0).flags()); });
    check_reported("beyond the user half", [](Sample& s) { s.insert_vma(task_size, vm_read); });
}

TEST_CASE("verify: VMAs that were left apart are no excuse for others") {
    // A refused mapping cuts what is in its way, between pages 25 and 26.
    const auto leave_cut = [](Sample& s) {
        REQUIRE(s.map(page(24), 4));
        s.mm->limits().address_space_bytes = s.mm->vm().total.bytes();
        CHECK(outcome(s.map(page(26), 3)) == "ENOMEM");
        s.mm->limits() = {};
        CHECK(s.vma(26).start() == page(26));
        CHECK(s.broken() == "");
    };
    check_reported("could be merged", [&](Sample& s) {
        leave_cut(s);
        s.insert_vma(page(2), s.vma(0).flags());
    });
    check_reported("could be merged", [&](Sample& s) {
        leave_cut(s);
        REQUIRE(s.mm->unmap(page(24), 2 * page_size));
        s.insert_vma(page(25), s.vma(26).flags());
    });
    Sample healed;
    leave_cut(healed);
    REQUIRE(healed.mm->protect(page(25), page_size, prot_read));
    REQUIRE(healed.mm->protect(page(25), page_size, read_write));
    CHECK(healed.vma(24).range() == VirtRange{page(24), page(28)});
    CHECK(healed.broken() == "");
}

TEST_CASE("verify: page tables") {
    check_reported("wrong count of page tables", [](Sample& s) {
        const Pfn table = s.memory.allocate(FrameState::page_table, Fill::zeroed).value();
        s.ram.table(s.mm->page_table().root())[7] = emu::Pte::present(table, {.user = true});
    });
    check_reported("a page table reached twice", [](Sample& s) {
        const auto root = s.ram.table(s.mm->page_table().root());
        root[7] = root[0];
    });
    check_reported("used as a page table, in another state", [](Sample& s) {
        const Pfn page = s.memory.allocate(FrameState::anonymous, Fill::zeroed).value();
        s.ram.table(s.mm->page_table().root())[7] = emu::Pte::present(page, {.user = true});
    });
    check_reported("where no vma is", [](Sample& s) { (void)s.mm->page_table().ensure(page(1'000'000)); });
}

TEST_CASE("verify: a file's cache without the file among the files given is a leak") {
    Sample sample;
    const MmStruct* const spaces[] = {sample.mm.get()};
    CHECK_FALSE(verify(sample.memory, spaces, {}).empty());
    CHECK_FALSE(verify(sample.memory, {}, sample.files.files()).empty());
    CHECK(verify(sample.memory, spaces, sample.files.files()).empty());
}

}  // namespace fl::mm
