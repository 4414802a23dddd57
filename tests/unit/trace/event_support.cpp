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

}  // namespace fl::trace::test
