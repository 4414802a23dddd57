#include "emu/reference_reporter.hpp"

#include "machine_support.hpp"

#include <map>
#include <string>
#include <utility>

using namespace fl;
using namespace fl::emu;
using namespace fl::emu::test;

namespace {

constexpr VirtAddr code(0x40'0000);
constexpr VirtAddr data(0x50'0000);
constexpr VirtAddr other(0x60'0000);

using Bytes = std::vector<std::uint8_t>;
const Bytes syscall_bytes = {0x0f, 0x05};
const Bytes load = {0x48, 0x8b, 0x07};       // mov rax, [rdi]
const Bytes store = {0x48, 0x89, 0x07};      // mov [rdi], rax
const Bytes load_rsi = {0x48, 0x8b, 0x06};   // mov rax, [rsi]
const Bytes store_rsi = {0x48, 0x89, 0x06};  // mov [rsi], rax

Bytes operator+(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

// A machine whose references are written down: "xC rD*2 wD" is a block in frame C, two loads from D, a store to D.
class ObservedMachine final : public ReferenceObserver {
public:
    explicit ObservedMachine(Counting counting = Counting::instructions) : machine(counting) {
        machine.cpu->report_references(this);
        registers.rdi = data.value();
        registers.rsi = other.value();
        registers.rsp = other.value() + 0x800;
    }

    // A frame that `heard` calls by this letter, at `address`.
    Pfn map(char name, VirtAddr address, PteAccess access = user_data) {
        const Pfn pfn = machine.map(address, access);
        names[pfn] = name;
        return pfn;
    }
    void alias(VirtAddr address, Pfn pfn) { machine.slot(address) = Pte::present(pfn, user_data); }

    // What is heard of while these instructions, in frame C, run until their system call.
    std::string run(const Bytes& instructions) {
        machine.write(map('C', code, user_code), 0, instructions + syscall_bytes);
        machine.cpu->flush_tlb();
        registers.rip = code.value();
        CHECK(resume().reason == Exit::Reason::syscall);
        return std::exchange(heard, {});
    }
    Exit resume() { return machine.cpu->run(registers); }

    AfterReference on_reference(Pfn pfn, Access access, std::uint32_t count) noexcept override {
        if (!heard.empty()) heard += ' ';
        heard += access == Access::read ? 'r' : access == Access::write ? 'w' : 'x';
        heard += names.contains(pfn) ? names.at(pfn) : '?';
        if (count != 1) heard += '*' + std::to_string(count);
        return names.contains(pfn) && names.at(pfn) == stops_at ? AfterReference::stop_soon : AfterReference::go_on;
    }

    TestMachine machine;
    Registers& registers = machine.registers;
    std::map<Pfn, char> names;
    std::string heard;
    char stops_at = 0;  // what the frame is called whose references are to end the run
};

}  // namespace

TEST_CASE("loads and stores are heard of in their order, those in a row together") {
    ObservedMachine machine;
    machine.map('D', data);
    machine.map('O', other);
    CHECK(machine.run(load + load + store + store_rsi + load) == "xC rD*2 wD wO rD");
}

TEST_CASE("an instruction that reads and writes is heard of as both") {
    ObservedMachine machine;
    machine.map('D', data);
    machine.map('O', other);
    SUBCASE("inc [rdi]") { CHECK(machine.run({0xff, 0x07}) == "xC rD wD"); }
    SUBCASE("lock inc [rdi]") { CHECK(machine.run({0xf0, 0xff, 0x07}) == "xC rD wD"); }
    SUBCASE("xchg [rdi], eax") { CHECK(machine.run({0x87, 0x07}) == "xC rD wD"); }
    SUBCASE("push [rdi]") { CHECK(machine.run({0xff, 0x37}) == "xC rD wO"); }
    SUBCASE("cmpxchg16b [rdi]") { CHECK(machine.run({0x48, 0x0f, 0xc7, 0x0f}) == "xC rD*2 wD*2"); }
}

TEST_CASE("more than eight bytes are heard of as several accesses") {
    ObservedMachine machine;
    machine.map('D', data);
    CHECK(machine.run({0x0f, 0x10, 0x07, 0x0f, 0x11, 0x07}) == "xC rD*2 wD*2");  // movups xmm0, [rdi]; and back
}

TEST_CASE("what touches no memory is heard of as code alone") {
    ObservedMachine machine;
    CHECK(machine.run({0x0f, 0x1f, 0x07, 0x48, 0x8d, 0x07}) == "xC");  // nop [rdi]; lea rax, [rdi]
}

TEST_CASE("an access over a page's end is heard of for both pages, the first one first") {
    ObservedMachine machine;
    machine.map('1', data);
    machine.machine.take_frame();
    machine.map('2', data + page_size);
    machine.map('O', other);
    machine.registers.rdi = (data + page_size - 3).value();
    SUBCASE("a load") { CHECK(machine.run(load) == "xC r1 r2"); }
    SUBCASE("a store") { CHECK(machine.run(store) == "xC w1 w2"); }
    SUBCASE("both") { CHECK(machine.run({0x48, 0xff, 0x07}) == "xC r1 r2 w1 w2"); }  // inc qword [rdi]
    SUBCASE("again and again, among others") {
        CHECK(machine.run(store + store + load_rsi + load + load + store_rsi) == "xC w1 w2 w1 w2 rO r1 r2 r1 r2 wO");
    }
    SUBCASE("up to the last byte it is not") {
        machine.registers.rdi = (data + page_size - 8).value();
        CHECK(machine.run(load + store) == "xC r1 w1");
    }
    SUBCASE("of sixteen bytes, the half that does so") {
        machine.registers.rdi = (data + page_size - 12).value();
        CHECK(machine.run({0x0f, 0x10, 0x07}) == "xC r1*2 r2");  // movups xmm0, [rdi]
        CHECK(machine.run({0x0f, 0x11, 0x07}) == "xC w1*2 w2");  // movups [rdi], xmm0
    }
    SUBCASE("of sixteen bytes, neither half") {
        machine.registers.rdi = (data + page_size - 8).value();
        CHECK(machine.run({0x0f, 0x10, 0x07}) == "xC r1 r2");
    }
}

TEST_CASE("the second page is the one behind the address that was used, not another one of the frame's") {
    ObservedMachine machine;
    const Pfn shared = machine.map('S', data);
    machine.map('2', data + page_size);
    machine.alias(other, shared);
    machine.map('3', other + page_size);
    machine.registers.rdi = (data + page_size - 3).value();
    machine.registers.rsi = (other + page_size - 3).value();
    CHECK(machine.run(load + load_rsi + load) == "xC rS r2 rS r3 rS r2");
    CHECK(machine.run(store + store_rsi + store) == "xC wS w2 wS w3 wS w2");
}

TEST_CASE("both pages of an access may be one frame") {
    ObservedMachine machine;
    machine.alias(data + page_size, machine.map('S', data));
    machine.registers.rdi = (data + page_size - 3).value();
    CHECK(machine.run(load + store) == "xC rS*2 wS*2");
}

TEST_CASE("an access that faults is heard of once the fault was resolved, all others before") {
    ObservedMachine machine;
    std::string before;
    machine.machine.on_fault = [&](const PageFault& fault) {
        before += '[' + machine.heard + ']';
        machine.map('F', fault.address.page_floor());
        return FaultOutcome::retry;
    };
    machine.map('D', data);
    SUBCASE("a load") {
        CHECK(machine.run(load + load + load_rsi + load_rsi) == "xC rD*2 rF*2");
        CHECK(before == "[xC rD*2]");
    }
    SUBCASE("a store") {
        CHECK(machine.run(load + store_rsi) == "xC rD wF");
        CHECK(before == "[xC rD]");
    }
    SUBCASE("a load's second page") {
        machine.registers.rdi = (data + page_size - 3).value();
        CHECK(machine.run(load + load) == "xC rD rF rD rF");
        CHECK(before == "[xC rD]");
    }
    SUBCASE("a store's second page") {
        machine.registers.rdi = (data + page_size - 3).value();
        CHECK(machine.run(store + store) == "xC wD wF wD wF");
        CHECK(before == "[xC wD]");
    }
    SUBCASE("a store that replaces the frame it read from") {
        const Pfn old = machine.map('Z', data);
        machine.machine.slot(data) = Pte::present(old, PteAccess{.writable = false, .user = true, .executable = false});
        machine.machine.on_fault = [&](const PageFault& fault) {
            before = machine.heard;
            machine.map('N', fault.address.page_floor());
            return FaultOutcome::retry_tlb_stale;
        };
        CHECK(machine.run(load + store + load) == "xC rZ wN rN");
        CHECK(before == "xC rZ");
    }
    SUBCASE("code") {
        machine.registers.rsi = data.value();
        machine.machine.on_fault = [&](const PageFault& fault) {
            before += '[' + machine.heard + ']';
            machine.machine.write(machine.map('F', fault.address.page_floor(), user_code), 0, syscall_bytes);
            return FaultOutcome::retry;
        };
        machine.registers.rdi = other.value();
        CHECK(machine.run(load_rsi + Bytes{0xff, 0xe7}) == "xC rD xF");  // jmp rdi
        CHECK(before == "[xC rD]");
    }
}

TEST_CASE("an access that cannot be satisfied is heard of as far as it came") {
    ObservedMachine machine;
    machine.map('D', data);
    machine.map('O', other);
    const auto fail = [&](const Bytes& instruction) {
        machine.machine.write(machine.map('C', code, user_code), 0, instruction + syscall_bytes);
        machine.registers.rip = code.value();
        CHECK(machine.resume().reason == Exit::Reason::fault);
        return std::exchange(machine.heard, {});
    };
    SUBCASE("not at all") {
        machine.registers.rdi = (data + page_size).value();
        CHECK(fail(load) == "xC");
    }
    SUBCASE("a load's first page") {
        machine.registers.rdi = (data + page_size - 3).value();
        CHECK(fail(load) == "xC rD");
    }
    SUBCASE("a store's first page") {
        machine.registers.rdi = (data + page_size - 3).value();
        CHECK(fail(store) == "xC wD");
    }
    // What was left of it is not mistaken for part of the next run.
    machine.machine.cpu->flush_tlb();
    CHECK(machine.run(load_rsi + store_rsi) == "xC rO wO");
}

TEST_CASE("each block is heard of in the page that it is in") {
    ObservedMachine machine;
    machine.map('O', other);
    machine.machine.write(machine.map('D', data, user_code), 0, load_rsi + Bytes{0xc3});  // ret
    // call rdi; call rdi
    CHECK(machine.run({0xff, 0xd7, 0xff, 0xd7}) == "xC wO xD rO*2 xC wO xD rO*2 xC");
    // mov ecx, 10; again: dec ecx; jnz again
    CHECK(machine.run({0xb9, 10, 0, 0, 0, 0xff, 0xc9, 0x75, 0xfc}) == "xC*11");
}

TEST_CASE("a block over a page's end is heard of for both pages") {
    ObservedMachine machine;
    machine.map('O', other);
    const VirtAddr start = data + page_size - 2;
    machine.machine.write(machine.map('1', data, user_code), page_size - 2, {0x48, 0x8b});
    machine.machine.write(machine.map('2', data + page_size, user_code), 0, Bytes{0x06} + syscall_bytes);
    machine.registers.rip = start.value();
    CHECK(machine.resume().reason == Exit::Reason::syscall);
    CHECK(machine.heard == "x1 x2 rO");
}

TEST_CASE("code is told by the frame where it is now") {
    ObservedMachine machine;
    const Bytes instructions = {0x90};
    SUBCASE("in another frame in the next run") {
        CHECK(machine.run(instructions) == "xC");
        machine.machine.write(machine.map('N', code, user_code), 0, instructions + syscall_bytes);
        machine.machine.cpu->flush_tlb();
        machine.registers.rip = code.value();
        machine.resume();
        CHECK(machine.heard == "xN");
    }
    SUBCASE("in another address space") {
        CHECK(machine.run(instructions) == "xC");
        machine.machine.root = machine.machine.take_frame();
        machine.machine.cpu->set_root(machine.machine.root);
        machine.machine.write(machine.map('N', code, user_code), 0, instructions + syscall_bytes);
        machine.registers.rip = code.value();
        machine.resume();
        CHECK(machine.heard == "xN");
    }
    SUBCASE("in another frame since a fault") {
        // mov rax, [rdi]; jmp over; over:
        const Bytes moving = load + Bytes{0xeb, 0x00};
        machine.machine.on_fault = [&](const PageFault& fault) {
            machine.map('D', fault.address.page_floor());
            machine.machine.write(machine.map('N', code, user_code), 0, moving + syscall_bytes);
            return FaultOutcome::retry_tlb_stale;
        };
        CHECK(machine.run(moving) == "xC rD xN");
    }
}

TEST_CASE("code that was evicted while it runs is fetched anew before its next block") {
    ObservedMachine machine;
    // again: mov rax, [rdi]; add rdi, 1024; dec ecx; jnz again
    const Bytes loop = load + Bytes{0x48, 0x81, 0xc7, 0, 4, 0, 0, 0xff, 0xc9, 0x75, 0xf2};
    machine.machine.on_fault = [&](const PageFault& fault) {
        if (fault.access == Access::execute) {
            machine.machine.write(machine.map('N', code, user_code), 0, loop + syscall_bytes);
            return FaultOutcome::retry;
        }
        machine.map('E', fault.address.page_floor());
        machine.machine.slot(code) = Pte::none();
        return FaultOutcome::retry_tlb_stale;
    };
    machine.map('D', data);
    machine.registers.rcx = 6;
    CHECK(machine.run(loop) == "xC rD xC rD xC rD xC rD xC rE xN rE xN");
    CHECK(machine.machine.faults.size() == 2);
    CHECK(machine.machine.cpu->retired_instructions() == 4 * 6 + 1);
}

TEST_CASE("a repeated string instruction is heard of for each repetition") {
    ObservedMachine machine;
    machine.map('D', data);
    machine.map('O', other);
    machine.registers.rcx = 3;
    SUBCASE("rep movsb") { CHECK(machine.run({0xf3, 0xa4}) == "xC rO wD xC rO wD xC rO wD xC*2"); }
    SUBCASE("rep stosq") { CHECK(machine.run({0xf3, 0x48, 0xab}) == "xC wD xC wD xC wD xC*2"); }
    SUBCASE("none") {
        machine.registers.rcx = 0;
        CHECK(machine.run({0xf3, 0xa4}) == "xC*2");
    }
    SUBCASE("over a page's end") {
        machine.map('E', data + page_size);
        machine.registers.rdi = (data + page_size - 12).value();
        CHECK(machine.run({0xf3, 0x48, 0xab}) == "xC wD xC wD wE xC wE xC*2");
        CHECK(machine.registers.rdi == (data + page_size + 12).value());
    }
    SUBCASE("movsb by itself") { CHECK(machine.run({0xa4, 0xa4}) == "xC rO wD rO wD"); }
}

TEST_CASE("a block that the budget does not let in is not heard of") {
    ObservedMachine machine;
    // mov ecx, 10; again: dec ecx; jnz again; syscall
    machine.machine.write(machine.map('C', code, user_code), 0,
                          Bytes{0xb9, 10, 0, 0, 0, 0xff, 0xc9, 0x75, 0xfc} + syscall_bytes);
    machine.registers.rip = code.value();
    CHECK(machine.machine.cpu->run(machine.registers, 5).reason == Exit::Reason::quantum);
    CHECK(machine.heard == "xC*2");
    machine.heard.clear();
    CHECK(machine.resume().reason == Exit::Reason::syscall);
    CHECK(machine.heard == "xC*9");
}

TEST_CASE("a run ends before the next block where the observer wants it to, and goes on from there") {
    for (const Counting counting : {Counting::instructions, Counting::none}) {
        ObservedMachine machine(counting);
        machine.map('D', data);
        machine.map('O', other);
        const Bytes jump = {0xeb, 0x00};
        machine.machine.write(machine.map('C', code, user_code), 0,
                              load_rsi + load + load_rsi + jump + load_rsi + jump + load + jump + syscall_bytes);
        machine.registers.rip = code.value();
        machine.stops_at = 'D';
        CHECK(machine.resume().reason == Exit::Reason::halt);
        CHECK(machine.registers.rip == code.value() + 11);
        CHECK(std::exchange(machine.heard, {}) == "xC rO rD rO");
        CHECK(machine.resume().reason == Exit::Reason::halt);
        CHECK(machine.registers.rip == code.value() + 21);
        CHECK(std::exchange(machine.heard, {}) == "xC rO xC rD");
        CHECK(machine.resume().reason == Exit::Reason::syscall);
        CHECK(machine.heard == "xC");
    }
}

TEST_CASE("a kernel that has the processor for a fault need not be called again") {
    ObservedMachine machine;
    machine.map('D', data);
    machine.machine.on_fault = [&](const PageFault& fault) {
        machine.map('F', fault.address.page_floor());
        return FaultOutcome::retry;
    };
    machine.stops_at = 'D';
    CHECK(machine.run(load + load_rsi + Bytes{0xeb, 0x00}) == "xC rD rF xC");
}

TEST_CASE("code is heard of without counting as well") {
    ObservedMachine machine(Counting::none);
    machine.map('D', data);
    CHECK(machine.run(load + Bytes{0xeb, 0x00} + load) == "xC rD xC rD");
    CHECK(machine.machine.cpu->retired_instructions() == 0);
}

TEST_CASE("a store into the block that it is in is made anew, and does not end the reports") {
    ObservedMachine machine;
    const VirtAddr page = data + page_size;
    machine.map('1', data, user_all);
    const Pfn pfn = machine.map('2', page, user_all);
    machine.map('O', other);
    machine.machine.write(pfn, 0, Bytes(16, 0x90) + store + load_rsi + store_rsi + syscall_bytes);
    machine.registers.rax = 0x9090'9090'9090'9090;
    machine.registers.rip = page.value();
    SUBCASE("aligned") {
        machine.registers.rdi = page.value();
        CHECK(machine.resume().reason == Exit::Reason::syscall);
        CHECK(machine.heard == "x2 w2 x2 w2 x2 rO wO");
    }
    SUBCASE("unaligned") {
        machine.registers.rdi = page.value() + 3;
        CHECK(machine.resume().reason == Exit::Reason::syscall);
        CHECK(machine.heard == "x2 w2 x2 w2 rO wO");
    }
    SUBCASE("over the page's end") {
        machine.registers.rdi = page.value() - 4;
        CHECK(machine.resume().reason == Exit::Reason::syscall);
        CHECK(machine.heard == "x2 w1 w2 x2 w1 w2 rO wO");
    }
}

TEST_CASE("without an observer nothing is hooked") {
    TestMachine machine;
    machine.cpu->report_references(nullptr);
    machine.map(data, user_data);
    machine.map(data + page_size, user_data);
    machine.registers.rdi = (data + page_size - 3).value();
    Bytes stores;
    for (int i = 0; i < 20; ++i) stores = stores + store;
    CHECK(machine.run(code, stores + syscall_bytes).reason == Exit::Reason::syscall);
    CHECK(machine.cpu->tlb_stats().fills == 3);  // with one, each store misses anew
}
