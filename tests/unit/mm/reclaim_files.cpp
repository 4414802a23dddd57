// Pages of files and of shared memory that leave: back to their file, to swap, or without a trace.
#include "tests/unit/mm/reclaim_support.hpp"

#include <cstring>

namespace fl::mm {

using namespace test;

namespace {

// A disk whose writes can be made to fail.
struct Disk {
    std::vector<std::byte> bytes;
    bool fails = false;
    unsigned writes = 0;
};

class DiskSource final : public FileSource {
public:
    explicit DiskSource(Disk& disk) : disk_(disk) {}
    std::uint64_t size_bytes() const override { return disk_.bytes.size(); }
    Result<void> read(std::uint64_t offset, std::span<std::byte> into) const override {
        for (std::size_t i = 0; i < into.size(); ++i) {
            into[i] = offset + i < disk_.bytes.size() ? disk_.bytes[offset + i] : std::byte{0};
        }
        return {};
    }
    Result<void> write(std::uint64_t offset, std::span<const std::byte> from) override {
        ++disk_.writes;
        if (disk_.fails) return fail(Errno::eio);
        std::memcpy(disk_.bytes.data() + offset, from.data(), from.size());
        return {};
    }

private:
    Disk& disk_;
};

struct Files : ShortMachine {
    explicit Files(const Pressure& short_of) : ShortMachine(short_of) { handler.set_fault_around(PageCount(1)); }

    std::shared_ptr<File> open(Disk& disk) {
        return files.open(std::make_unique<DiskSource>(disk), FileIdentity{.path = "/disk"});
    }
    std::shared_ptr<File> memory_file(std::uint64_t pages) {
        return files.create({.path = "/memory"}, FileKind::shared_memory, pages * page_size);
    }
};

int first_byte(File& file, std::uint64_t index) {
    std::array<std::byte, 1> byte{};
    return file.read(index * page_size, byte) ? std::to_integer<int>(byte[0]) : -1;
}

}  // namespace

TEST_CASE("reclaim: clean pages of a file are dropped, dirty ones written back, and both are read again") {
    Disk disk{.bytes = numbered_pages(4 * page_size)};
    Files machine(pressure(4, 0));
    const auto file = machine.open(disk);
    REQUIRE(machine.map(page(0), 4, read_write, file_shared, file).has_value());
    CHECK(machine.get(0) == 1);
    machine.put(1, 50);
    machine.push_out(4);
    CHECK(machine.pte(page(0)).is_none());
    CHECK(machine.pte(page(1)).is_none());
    CHECK(disk.bytes[page_size] == std::byte{50});
    CHECK(disk.writes == 1);
    CHECK(file->cached_page_count() == PageCount(0));
    CHECK_FALSE(file->shadows().empty());
    CHECK(machine.broken() == "");
    // Private memory cannot leave, as there is no swap.
    CHECK(machine.read(page(1)) == Kinds{FaultKind::oom});
    REQUIRE(machine.mm->unmap(page(100), 3 * page_size).has_value());
    CHECK(machine.get(1) == 50);
    CHECK(machine.last_event().kind == FaultKind::file_major);
    CHECK(machine.last_event().refault_distance.has_value());
    CHECK(machine.broken() == "");
}

TEST_CASE("reclaim: a dirty page that its file does not take stays") {
    Disk disk{.bytes = numbered_pages(2 * page_size), .fails = true};
    Files machine(pressure(3));
    const auto file = machine.open(disk);
    REQUIRE(machine.map(page(0), 2, read_write, file_shared, file).has_value());
    machine.put(0, 50);
    machine.push_out(8);
    CHECK(machine.resident(0));
    CHECK(machine.get(0) == 50);
    CHECK(machine.counted().failed_writes > 0);
    CHECK(machine.broken() == "");
    disk.fails = false;
    CHECK(machine.advise(0, 1, test::madv_pageout) == "ok");
    CHECK(disk.bytes[0] == std::byte{50});
    CHECK(machine.get(0) == 50);
    CHECK(machine.broken() == "");
}

TEST_CASE("reclaim: shared memory goes to swap and comes back, through a mapping or read(2)") {
    Files machine(pressure(4));
    const auto file = machine.memory_file(4);
    REQUIRE(machine.map(page(0), 4, read_write, file_shared, file).has_value());
    REQUIRE(machine.map(page(8), 4, read_write, file_private, file).has_value());
    for (std::uint64_t i = 0; i < 3; ++i) machine.put(i, 10 + static_cast<unsigned>(i));
    machine.push_out(4);
    for (std::uint64_t i = 0; i < 3; ++i) CHECK(file->is_in_swap(i));
    CHECK(machine.broken() == "");
    CHECK(machine.get(0) == 10);
    CHECK(machine.last_event().kind == FaultKind::swap_in);
    CHECK(machine.last_event().major);
    CHECK(machine.broken() == "");
    CHECK(first_byte(*file, 1) == 11);
    CHECK(machine.broken() == "");
    // A private copy of a page in swap.
    CHECK(machine.put(10, 62) == Kinds{FaultKind::cow});
    CHECK(machine.get(2) == 12);
    // And write(2), which keeps the rest of the page.
    machine.push_out(4);
    CHECK(machine.broken() == "");
    const std::array<std::byte, 1> byte{std::byte{77}};
    REQUIRE(file->write(page_size + 5, byte).has_value());
    CHECK(machine.get(1) == 11);
    CHECK(machine.byte(page(1) + 5) == std::byte{77});
    CHECK(machine.get(10) == 62);
    CHECK(machine.broken() == "");
}

TEST_CASE("reclaim: shared memory that was written ahead and then lost its slot is written again") {
    std::uint64_t now = 0;
    Pressure ahead = pressure(5, 3);
    ahead.reclaim.policy = WritesAhead::choice();
    ahead.reclaim.time_ns = [&] { return now; };
    Files machine(ahead);
    const auto file = machine.memory_file(2);
    REQUIRE(machine.map(page(0), 2, read_write, file_shared, file).has_value());
    REQUIRE(machine.map(page(8), 8).has_value());
    machine.put(8, 20);
    machine.put(9, 21);
    machine.put(0, 10);
    machine.put(1, 11);
    now += WritesAhead::interval_ns;
    machine.reclaimer->run_due_work();
    // Four pages and three slots: the last one took the first one's.
    CHECK(machine.swap->free_slot_count() == PageCount(0));
    CHECK(machine.broken() == "");
    // Each needs a slot of its own, and takes those of pages that are still in memory.
    for (std::uint64_t i = 10; i < 12; ++i) {
        machine.put(i, 20 + static_cast<unsigned>(i));
        CHECK(machine.broken() == "");
    }
    REQUIRE(machine.advise(10, 2, test::madv_pageout) == "ok");
    CHECK(machine.broken() == "");
    REQUIRE(machine.mm->unmap(page(8), 8 * page_size).has_value());
    REQUIRE(machine.advise(0, 2, test::madv_pageout) == "ok");
    CHECK(file->is_in_swap(0));
    CHECK(file->is_in_swap(1));
    CHECK(machine.get(0) == 10);
    CHECK(machine.get(1) == 11);
    CHECK(machine.broken() == "");
}

TEST_CASE("reclaim: holes of shared memory that nobody wrote to leave without swap, and read as zeroes") {
    Files machine(pressure(3, 0));
    const auto file = machine.memory_file(4);
    REQUIRE(machine.map(page(0), 4, prot_read, file_shared, file).has_value());
    for (std::uint64_t i = 0; i < 4; ++i) CHECK(machine.get(i) == 0);
    CHECK(machine.counted().dropped == 1);
    CHECK(machine.counted().dirty == 0);
    CHECK(machine.broken() == "");
    CHECK(machine.get(0) == 0);
    CHECK(machine.broken() == "");
}

TEST_CASE("reclaim: pages that were allocated only are a hole still when they are back from swap") {
    Files machine(pressure(3));
    const auto file = machine.memory_file(2);
    REQUIRE(file->allocate_page(0).has_value());
    machine.push_out(4);
    CHECK_FALSE(file->is_in_swap(0));
    CHECK(file->holds(0));
    CHECK(machine.broken() == "");
    CHECK(first_byte(*file, 0) == 0);
    CHECK(file->holds(0));
    REQUIRE(machine.map(page(0), 2, read_write, file_shared, file).has_value());
    CHECK(machine.put(0, 9) == Kinds{FaultKind::demand_zero});
    machine.push_out(4);
    CHECK(machine.get(0) == 9);
    CHECK(machine.broken() == "");
}

TEST_CASE("reclaim: what is cut off, punched or dropped while it is in swap is gone, and its slot too") {
    Files machine(pressure(3));
    auto file = machine.memory_file(4);
    REQUIRE(machine.map(page(0), 4, read_write, file_shared, file).has_value());
    const std::vector<std::byte> full(4 * page_size, std::byte{8});
    REQUIRE(file->write(0, full).has_value());
    machine.push_out(4);
    CHECK(machine.swap->used_slot_count() >= PageCount(4));
    REQUIRE(file->punch_hole(page_size, page_size).has_value());
    CHECK(machine.broken() == "");
    CHECK(machine.get(1) == 0);
    // The end of the last page reads as zeroes when the file grows again.
    REQUIRE(file->resize(2 * page_size + 100).has_value());
    CHECK(machine.broken() == "");
    REQUIRE(file->resize(4 * page_size).has_value());
    machine.push_out(4);
    CHECK(machine.get(2) == 8);
    CHECK(machine.byte(page(2) + 99) == std::byte{8});
    CHECK(machine.byte(page(2) + 100) == std::byte{0});
    CHECK(machine.get(3) == 0);
    machine.push_out(4);
    REQUIRE(machine.mm->unmap(page(0), 4 * page_size).has_value());
    machine.observer.clear();
    file.reset();
    CHECK(machine.files.files().empty());
    REQUIRE(machine.mm->unmap(page(100), 64 * page_size).has_value());
    CHECK(machine.swap->used_slot_count() == PageCount(0));
    CHECK(machine.reclaimer->frames() == PageCount(0));
    CHECK(machine.broken() == "");
}

TEST_CASE("reclaim: the end of a file in swap is zeroed though no frame is to be had") {
    Files machine(pressure(3, 8));
    const auto file = machine.memory_file(2);
    const std::vector<std::byte> full(2 * page_size, std::byte{8});
    REQUIRE(file->write(0, full).has_value());
    machine.push_out(3);
    REQUIRE(file->is_in_swap(0));
    // All that is in memory now stays there.
    REQUIRE(machine.mm->lock(page(100), 64 * page_size, VmFlags()).has_value());
    REQUIRE(file->resize(100).has_value());
    REQUIRE(file->resize(page_size).has_value());
    std::array<std::byte, 2> bytes{};
    REQUIRE(file->read_uncached(99, bytes).has_value());
    CHECK(bytes[0] == std::byte{8});
    CHECK(bytes[1] == std::byte{0});
    CHECK(machine.broken() == "");
}

TEST_CASE("reclaim: a page in swap that cannot be read fails read(2) and faults, but not truncate(2) and holes") {
    Pressure failing = pressure(3);
    failing.swap.errors.every_read = 2;
    Files machine(failing);
    const auto file = machine.memory_file(3);
    const std::vector<std::byte> full(3 * page_size, std::byte{8});
    REQUIRE(file->write(0, full).has_value());
    machine.push_out(4);
    // Every second one fails. The page that has been read leaves again.
    CHECK(first_byte(*file, 2) == 8);
    std::array<std::byte, 2> bytes{};
    CHECK(outcome(file->read(0, bytes)) == "EIO");
    machine.push_out(4);
    CHECK(first_byte(*file, 2) == 8);
    REQUIRE(machine.map(page(0), 3, read_write, file_shared, file).has_value());
    CHECK(machine.read(page(0)) == Kinds{FaultKind::sigbus});
    CHECK(file->is_in_swap(0));
    CHECK(machine.broken() == "");
    // What is cut off is gone nevertheless, also when the page comes back.
    machine.push_out(4);
    CHECK(first_byte(*file, 2) == 8);
    CHECK(outcome(file->resize(100)) == "ok");
    CHECK(machine.swap->counters().read_errors == 3);
    CHECK(file->is_in_swap(0));
    REQUIRE(file->read_uncached(99, bytes).has_value());
    CHECK(bytes == std::array{std::byte{8}, std::byte{0}});
    CHECK(machine.broken() == "");
    CHECK(outcome(file->resize(3 * page_size)) == "ok");
    CHECK(file->cached(0).has_value());
    REQUIRE(file->read(99, bytes).has_value());
    CHECK(bytes == std::array{std::byte{8}, std::byte{0}});
    // A hole within a page.
    REQUIRE(file->write(page_size, std::span(full).first(page_size)).has_value());
    machine.push_out(4);
    REQUIRE(file->is_in_swap(1));
    CHECK(outcome(file->punch_hole(page_size + 10, 20)) == "ok");
    CHECK(machine.swap->counters().read_errors == 4);
    REQUIRE(file->read(page_size + 9, bytes).has_value());
    CHECK(bytes == std::array{std::byte{8}, std::byte{0}});
    REQUIRE(file->read(page_size + 29, bytes).has_value());
    CHECK(bytes == std::array{std::byte{0}, std::byte{8}});
    CHECK(machine.broken() == "");
}

TEST_CASE("reclaim: a cached page that leaves for the tables it was to go into is told of as what it has become") {
    struct Case {
        FileKind kind;
        bool written;
        FaultKind expected;
    };
    for (const Case& each : {Case{FileKind::regular, false, FaultKind::file_major},
                             Case{FileKind::shared_memory, true, FaultKind::swap_in},
                             Case{FileKind::shared_memory, false, FaultKind::demand_zero}}) {
        CAPTURE(fault_kind_name(each.expected));
        Disk disk{.bytes = numbered_pages(page_size)};
        Pressure all_of_ram = pressure(1);
        all_of_ram.reclaim.frames = std::nullopt;
        Machine machine(16);
        machine.reclaim_under(all_of_ram);
        const auto file = each.kind == FileKind::regular
                              ? machine.files.open(std::make_unique<DiskSource>(disk), FileIdentity{.path = "/disk"})
                              : machine.files.create({.path = "/memory"}, each.kind, page_size);
        // The first page to come, so that it is the first to leave.
        REQUIRE(file->read_page(0).has_value());
        if (each.written) REQUIRE(file->write(0, std::array{std::byte{1}}).has_value());
        REQUIRE(machine.map(page(0), 16).has_value());
        for (std::uint64_t i = 0; machine.free_frames() > PageCount(0); ++i) machine.write(page(i));
        REQUIRE(file->cached(0).has_value());
        const VirtAddr far = page(0) + (1ULL << 39);
        REQUIRE(machine.map(far, 1, prot_read, file_shared, file).has_value());
        CHECK(machine.read(far) == Kinds{each.expected});
        CHECK(machine.last_event().major == (each.expected != FaultKind::demand_zero));
        CHECK(machine.byte(far) == (each.expected == FaultKind::demand_zero ? std::byte{0} : std::byte{1}));
        CHECK(machine.broken() == "");
    }
}

TEST_CASE("reclaim: pages of locked shared memory stay, mapped or not, and those that come back from swap, too") {
    Files machine(pressure(4));
    const auto file = machine.memory_file(2);
    REQUIRE(machine.map(page(0), 2, read_write, file_shared, file).has_value());
    machine.put(0, 10);
    machine.put(1, 11);
    machine.push_out(4);
    REQUIRE(file->is_in_swap(0));
    file->set_locked(true);
    CHECK(machine.get(0) == 10);
    machine.push_out(8);
    CHECK(machine.resident(0));
    CHECK(file->is_in_swap(1));
    REQUIRE(machine.mm->unmap(page(0), 2 * page_size).has_value());
    machine.push_out(4);
    CHECK(file->cached(0).has_value());
    CHECK(machine.broken() == "");
    file->set_locked(false);
    machine.push_out(8);
    CHECK(file->is_in_swap(0));
    CHECK(first_byte(*file, 0) == 10);
    CHECK(machine.broken() == "");
}

TEST_CASE("reclaim: a file that is gone is gone with the fault that evicted its last page") {
    Disk disk{.bytes = numbered_pages(page_size)};
    Files machine(pressure(2));
    auto file = machine.open(disk);
    CHECK(first_byte(*file, 0) == 1);
    machine.push_out(2);
    REQUIRE(machine.observer.evictions.size() == 1);
    machine.observer.clear();
    file.reset();
    CHECK(machine.files.files().empty());
}

TEST_CASE("reclaim: pages that read(2) brings in name no fault") {
    Disk disk{.bytes = numbered_pages(4 * page_size)};
    Files machine(pressure(2));
    const auto file = machine.open(disk);
    machine.push_out(2);
    CHECK(first_byte(*file, 0) == 1);
    REQUIRE_FALSE(machine.observer.evictions.empty());
    CHECK(machine.observer.evictions.back().for_fault == 0);
    machine.push_out(1);
    CHECK(machine.observer.evictions.back().for_fault != 0);
    CHECK(machine.broken() == "");
}

}  // namespace fl::mm
