#include "trace/fault_tracer.hpp"

#include "event_support.hpp"
#include "mm/file.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <vector>

using namespace fl;
using namespace fl::trace;

namespace {

// What a writer was given.
struct Seen {
    std::uint64_t sequence;
    Instruction instruction;
};

class RecordingWriter final : public Writer {
public:
    void write(const TracedFault& fault) noexcept override {
        seen.push_back({fault.event.sequence, fault.instruction});
    }
    void write_eviction(const mm::EvictionEvent& event) noexcept override { evicted.push_back(event.page.id); }
    void write_write_back(const mm::WriteBackEvent& event) noexcept override { written.push_back(event.page.id); }
    void finish() noexcept override {}
    void flush() noexcept override { ++flush_count; }

    std::vector<Seen> seen;
    std::vector<std::uint32_t> evicted, written;  // pages
    int flush_count = 0;
};

// Code that can be rewritten, as a program does it that writes itself.
class FakeCode final : public CodeReader {
public:
    std::size_t peek(VirtAddr /*address*/, std::span<std::byte> into) const override {
        const std::size_t size = std::min(into.size(), code.size());
        std::copy_n(code.begin(), size, into.begin());
        return size;
    }
    std::optional<RunningImage> image() const override { return running; }
    std::vector<std::byte> code;
    std::optional<RunningImage> running;

    void set(std::initializer_list<unsigned> values) {
        code.clear();
        for (const unsigned value : values) code.push_back(static_cast<std::byte>(value));
    }
};

// Guest programs as files of a machine.
class Programs {
public:
    Programs() : ram_(*emu::Ram::create(mm::PhysicalMemory::min_page_count)), memory_(ram_), files_(memory_) {}

    std::shared_ptr<mm::File> open(const std::string& name) {
        std::ifstream stream(std::string(FAULTLINE_GUEST_FOLDER) + "/" + name, std::ios::binary);
        REQUIRE(stream.good());
        const std::string text{std::istreambuf_iterator<char>(stream), {}};
        const auto bytes = std::as_bytes(std::span(text));
        return files_.open(mm::memory_file_source({bytes.begin(), bytes.end()}), {});
    }
    std::shared_ptr<mm::File> hole(std::uint64_t size_bytes) {
        return files_.create({}, mm::FileKind::memory, size_bytes);
    }

private:
    emu::Ram ram_;
    mm::PhysicalMemory memory_;
    mm::FileRegistry files_;
};

mm::FaultEvent fault_at(std::uint64_t instruction) {
    mm::FaultEvent event = test::heap_write();
    event.origin.instruction = VirtAddr(instruction);
    return event;
}

}  // namespace

TEST_CASE("faults of exec come before anything can be named") {
    RecordingWriter writer;
    FaultTracer tracer(writer);
    tracer.on_fault(fault_at(0));
    tracer.on_fault(fault_at(0x401000));
    FakeCode code;
    code.set({0xc3});
    tracer.attach(code);
    mm::FaultEvent in_exec = fault_at(0);
    in_exec.mode = emu::Mode::kernel;
    tracer.on_fault(in_exec);
    REQUIRE(writer.seen.size() == 3);
    for (const Seen& seen : writer.seen) {
        CHECK(seen.instruction.id == 0);
        CHECK(seen.instruction.text.empty());
    }
}

TEST_CASE("a program that called address 0 is at address 0, and not in exec") {
    RecordingWriter writer;
    FaultTracer tracer(writer);
    FakeCode code;
    code.set({0xc3});
    tracer.attach(code);
    mm::FaultEvent call_of_null = fault_at(0);
    call_of_null.mode = emu::Mode::user;
    tracer.on_fault(call_of_null);
    REQUIRE(writer.seen.size() == 1);
    CHECK(writer.seen[0].instruction.id != 0);
}

TEST_CASE("an instruction is looked at once, and again when its bytes have changed") {
    RecordingWriter writer;
    FaultTracer tracer(writer);
    FakeCode code;
    tracer.attach(code);
    code.set({0x89, 0x07});
    tracer.on_fault(fault_at(0x401000));
    tracer.on_fault(fault_at(0x401000));
    code.set({0x89, 0x06});
    tracer.on_fault(fault_at(0x401000));
    code.set({0x89, 0x07});
    tracer.on_fault(fault_at(0x401000));
    tracer.on_fault(fault_at(0x401002));
    REQUIRE(writer.seen.size() == 5);
    CHECK(writer.seen[0].instruction.text == "mov dword ptr [rdi], eax");
    CHECK(writer.seen[1].instruction.id == writer.seen[0].instruction.id);
    CHECK(writer.seen[2].instruction.text == "mov dword ptr [rsi], eax");
    CHECK(writer.seen[2].instruction.id != writer.seen[0].instruction.id);
    CHECK(writer.seen[3].instruction.text == "mov dword ptr [rdi], eax");
    CHECK(writer.seen[4].instruction.id != writer.seen[3].instruction.id);
}

TEST_CASE("code that cannot be read has no text, until it can") {
    RecordingWriter writer;
    FaultTracer tracer(writer);
    FakeCode code;
    tracer.attach(code);
    tracer.on_fault(fault_at(0x401000));
    code.set({0xc3});
    tracer.on_fault(fault_at(0x401000));
    REQUIRE(writer.seen.size() == 2);
    CHECK(writer.seen[0].instruction.text.empty());
    CHECK(writer.seen[1].instruction.text == "ret");
}

TEST_CASE("more instructions than are kept are still all described") {
    RecordingWriter writer;
    FaultTracer tracer(writer);
    FakeCode code;
    code.set({0xc3});
    tracer.attach(code);
    constexpr std::uint64_t count = 70'000;
    for (std::uint64_t index = 1; index <= count; ++index) tracer.on_fault(fault_at(index));
    CHECK(std::all_of(writer.seen.begin(), writer.seen.end(),
                      [](const Seen& seen) { return seen.instruction.text == "ret"; }));
}

TEST_CASE("names come from the program's file") {
    RecordingWriter writer;
    FaultTracer tracer(writer);
    FakeCode code;
    Programs programs;
    const auto hello = programs.open("hello-musl");
    code.running = RunningImage{hello.get(), 0};
    tracer.attach(code);
    for (std::uint64_t address = 0x401000; address < 0x401800; ++address) tracer.on_fault(fault_at(address));
    const auto in_main = [](const Seen& seen) {
        return seen.instruction.symbol == "main+0x0" && seen.instruction.source.starts_with("guest-programs/hello.c:");
    };
    CHECK(std::count_if(writer.seen.begin(), writer.seen.end(), in_main) == 1);
}

TEST_CASE("each program's instructions have its own names, also where programs take turns") {
    RecordingWriter writer;
    FaultTracer tracer(writer);
    FakeCode code;
    code.set({0xc3});
    Programs programs;
    const auto hello = programs.open("hello-musl"), walk = programs.open("brk-walk-musl");
    tracer.attach(code);
    constexpr std::uint64_t first = 0x401000, end = 0x401800;
    for (std::uint64_t address = first; address < end; ++address) {
        for (const mm::File* file : {hello.get(), walk.get()}) {
            code.running = RunningImage{file, 0};
            tracer.on_fault(fault_at(address));
        }
    }
    REQUIRE(writer.seen.size() == 2 * (end - first));
    const auto names_main = [&](std::size_t which, const char* source) {
        for (std::size_t index = which; index < writer.seen.size(); index += 2) {
            const Instruction& instruction = writer.seen[index].instruction;
            if (instruction.symbol == "main+0x0" && instruction.source.starts_with(source)) return true;
        }
        return false;
    };
    CHECK(names_main(0, "guest-programs/hello.c:"));
    CHECK(names_main(1, "guest-programs/brk-walk.c:"));
    // The same program at another place has the same names there.
    code.running = RunningImage{hello.get(), 0x1000};
    tracer.on_fault(fault_at(first + 0x1000));
    CHECK(writer.seen.back().instruction.symbol == writer.seen.front().instruction.symbol);
}

TEST_CASE("a file too large to be looked at has no names") {
    RecordingWriter writer;
    FaultTracer tracer(writer);
    FakeCode code;
    code.set({0xc3});
    Programs programs;
    const auto hole = programs.hole(std::uint64_t{1} << 40);
    code.running = RunningImage{hole.get(), 0};
    tracer.attach(code);
    tracer.on_fault(fault_at(0x401000));
    CHECK(writer.seen.back().instruction.symbol.empty());
    CHECK(writer.seen.back().instruction.text == "ret");
}

TEST_CASE("what reclaim did is handed on") {
    RecordingWriter writer;
    FaultTracer tracer(writer);
    mm::FaultObserver& observer = tracer;
    observer.on_write_back(test::stack_write_back());
    observer.on_eviction(test::stack_eviction());
    CHECK(writer.seen.empty());
    CHECK(writer.evicted == std::vector<std::uint32_t>{12});
    CHECK(writer.written == std::vector<std::uint32_t>{12});
    CHECK(writer.flush_count == 0);
}

TEST_CASE("a fault that ends the program is handed to the system at once") {
    RecordingWriter writer;
    FaultTracer tracer(writer);
    tracer.on_fault(test::heap_write());
    CHECK(writer.flush_count == 0);
    tracer.on_fault(test::wild_read());
    CHECK(writer.flush_count == 1);
}
