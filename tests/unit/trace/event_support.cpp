#include "event_support.hpp"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sstream>

namespace fl::trace::test {

CapturedOutput::CapturedOutput(Delivery delivery)
    : descriptor_(::memfd_create("captured", MFD_CLOEXEC)), output_(descriptor_, delivery) {
    REQUIRE(descriptor_ >= 0);
    output_.release();
}

CapturedOutput::~CapturedOutput() { ::close(descriptor_); }

std::string CapturedOutput::text() const {
    struct stat status {};
    REQUIRE(::fstat(descriptor_, &status) == 0);
    std::string text(static_cast<std::size_t>(status.st_size), '\0');
    REQUIRE(::pread(descriptor_, text.data(), text.size(), 0) == status.st_size);
    return text;
}

std::vector<std::string> CapturedOutput::lines() const {
    std::vector<std::string> lines;
    std::istringstream stream(text());
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

mm::FaultEvent heap_write() {
    mm::FaultEvent event;
    event.sequence = 7;
    event.origin = {12345, 1000, 1001, VirtAddr(0x401234)};
    event.address = VirtAddr(0x4c9008);
    event.access = emu::Access::write;
    event.mode = emu::Mode::user;
    event.error_code = emu::PageFaultCode::write | emu::PageFaultCode::user;
    event.kind = mm::FaultKind::demand_zero;
    event.vma =
        mm::VmaSnapshot{{VirtAddr(0x4c9000), VirtAddr(0x4cb000)}, mm::vm_read | mm::vm_write, "[heap]", nullptr, 0};
    event.pfn = Pfn(0x2a1);
    event.pte_after = emu::Pte::present(Pfn(0x2a1), {true, true, false}).with_accessed().with_dirty();
    for (std::uint64_t table = 5; table < 8; ++table) {
        event.walk.steps[table - 5] = {
            Pfn(table), static_cast<std::uint16_t>(table == 7 ? 2 : 0),
            emu::Pte::present(Pfn(table + 1), {true, true, true}).with_accessed().with_dirty()};
    }
    event.walk.steps[3] = {Pfn(8), 201, event.pte_after};
    event.walk.count = 4;
    event.tables_allocated = 2;
    return event;
}

mm::FaultEvent wild_read() {
    mm::FaultEvent event;
    event.sequence = 8;
    event.origin = {0, 1000, 1001, VirtAddr()};
    event.address = VirtAddr(0x10);
    event.access = emu::Access::read;
    event.mode = emu::Mode::kernel;
    event.kind = mm::FaultKind::segv_maperr;
    return event;
}

mm::EvictionEvent stack_eviction() {
    mm::EvictionEvent event;
    event.time_ns = 12000;
    event.for_fault = 7;
    event.reason = mm::ReclaimReason::fault;
    event.page.id = 12;
    event.page.owner = 2;
    event.page.address = VirtAddr(0x7fffffffe000);
    event.pfn = Pfn(0x2a1);
    event.dirty = true;
    event.age_ns = 1'234'567;
    event.slot = emu::SwapSlot(17);
    return event;
}

mm::WriteBackEvent stack_write_back() {
    const mm::EvictionEvent eviction = stack_eviction();
    return {.time_ns = 11000,
            .for_fault = 7,
            .reason = mm::ReclaimReason::ahead,
            .page = eviction.page,
            .pfn = eviction.pfn,
            .slot = eviction.slot};
}

mm::FaultEvent heap_refault() {
    mm::FaultEvent event = heap_write();
    event.kind = mm::FaultKind::swap_in;
    event.major = true;
    event.pte_before = emu::Pte::swapped(emu::SwapSlot(3));
    event.reclaim = {.evicted = 1, .written = 1, .frames_looked_at = 5};
    event.victim = stack_eviction();
    event.slot = emu::SwapSlot(3);
    event.refault_distance = 23;
    return event;
}

void write_all_kinds(Writer& writer) {
    Files files;
    const VirtRange heap{VirtAddr(0x4c9000), VirtAddr(0x4cb000)};
    const VirtRange stack{VirtAddr(0x7ffffffde000), VirtAddr(0x7ffffffff000)};
    writer.write_task({.kind = TaskEvent::Kind::exec, .time_ns = 0, .pid = 2, .path = hostile_text});
    writer.write_mappings({.time_ns = 100,
                           .pid = 2,
                           .all = true,
                           .gone = {},
                           .mapped = {{heap, "rw-p", "[heap]"}, {stack, "r-xs", "[stack]"}}});
    writer.write_sample({.time_ns = 200,
                         .free_frames = 90,
                         .user_frames = 10,
                         .used_swap_slots = 1,
                         .free_blocks = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11},
                         .processes = {{2, 3, 4, 5, 6, 7}}});
    const Instruction known{1, "main+0x1f", "hello.c:12", "mov byte ptr [rdi], 1"};
    writer.write({wild_read(), Instruction{}});
    writer.write({heap_write(), known, 500});
    writer.write_write_back(stack_write_back());
    mm::EvictionEvent eviction = stack_eviction();
    eviction.page.file = files.named(hostile_text);
    eviction.page.file_page = 3;
    eviction.for_fault = 0;
    eviction.reason = mm::ReclaimReason::kswapd;
    writer.write_eviction(eviction);
    mm::FaultEvent refault = heap_refault();
    refault.origin.time_ns = 150'000;
    writer.write({refault, {2, hostile_text, hostile_text, hostile_text}, 100'000});
    writer.write_task({.kind = TaskEvent::Kind::fork, .time_ns = 200'000, .pid = 3, .parent = 2, .path = {}});
    writer.write_mappings({.time_ns = 200'001, .pid = 3, .all = false, .gone = {heap}, .mapped = {}});
    const emu::Pte table = emu::Pte::present(Pfn(9), {.writable = true, .user = true, .executable = true});
    writer.write_tables({.time_ns = 200'002,
                         .pid = 3,
                         .root = Pfn(8),
                         .table_count = 4,
                         .rows = {{4, 0, 1, table},
                                  {3, 0, 1, table},
                                  {2, 0x400, 3, table},
                                  {1, 0x4c9, 2, heap_write().pte_after},
                                  {1, 0x4cd, 1, emu::Pte::swapped(emu::SwapSlot(17))}},
                         .left_out = 5});
    writer.write_task(
        {.kind = TaskEvent::Kind::exit, .time_ns = 200'002, .pid = 3, .path = {}, .status = 139, .signal = 11});
}

}  // namespace fl::trace::test
