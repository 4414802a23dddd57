// What one try at one instruction brings in stays until the instruction is done, as far as there are frames for it.
#include "tests/unit/mm/reclaim_support.hpp"

namespace fl::mm {

using namespace test;

namespace {

// An instruction of the program's that makes several accesses.
class Instruction final : public emu::FaultLocator {
public:
    VirtAddr locate(const emu::PageFault& fault) const override { return fault.address; }
    emu::InstructionAttempt attempt() const override { return attempt_; }
    std::uint64_t registers_hash() const override { return registers; }
    void next() { ++attempt_.retired; }
    void go_to(std::uint64_t address) { attempt_.address = VirtAddr(address); }

    std::uint64_t registers = 1;

private:
    emu::InstructionAttempt attempt_{VirtAddr(0x401000), 1};
};

// The page that was used last leaves first, so that without pins each would push out the one before it.
class PinMachine : public ShortMachine {
public:
    explicit PinMachine(std::uint64_t frames) : PinMachine(pressure(frames, 64, "mru")) {}
    explicit PinMachine(const Pressure& short_of) : ShortMachine(short_of) { REQUIRE(map(page(0), 64).has_value()); }

    // The last kind of fault; nullopt: there was none.
    std::optional<FaultKind> access(std::uint64_t index) {
        const auto walk = [&] {
            return mmu.translate(mm->page_table().root(), page(index), emu::Access::write, emu::Mode::user);
        };
        std::optional<FaultKind> kind;
        for (auto found = walk(); !found; found = walk()) {
            const emu::PageFault fault{page(index), emu::Access::write, emu::Mode::user, found.error(), &instruction};
            const bool fatal = handler.handle_page_fault(fault) == emu::FaultOutcome::fatal;
            kind = last_event().kind;
            if (fatal) break;
        }
        CHECK(broken() == "");
        return kind;
    }
    // Of the pages that were ever there, those that are not.
    std::vector<std::uint64_t> gone(std::uint64_t count) const {
        std::vector<std::uint64_t> pages;
        for (std::uint64_t i = 0; i < count; ++i) {
            if (!resident(i)) pages.push_back(i);
        }
        return pages;
    }

    Instruction instruction;
};

using Indices = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("pins: pages that one try at one instruction brings in do not push each other out") {
    PinMachine machine(4);
    for (std::uint64_t i = 0; i < 4; ++i) machine.put(i, 1);
    machine.access(4);
    CHECK(machine.gone(5) == Indices{3});
    machine.access(5);
    CHECK(machine.gone(6) == Indices{2, 3});
    machine.access(6);
    CHECK(machine.gone(7) == Indices{1, 2, 3});
    // The instruction is done, or is tried once more: the pages are as all others.
    machine.instruction.next();
    machine.access(7);
    CHECK(machine.gone(8) == Indices{1, 2, 3, 6});
}

TEST_CASE("pins: of an instruction that needs more pages than there are frames the latest stay") {
    PinMachine machine(2);
    machine.put(10, 1);
    machine.put(11, 1);
    machine.access(0);
    machine.access(1);
    CHECK(machine.gone(2) == Indices{});
    CHECK(machine.access(2) == FaultKind::demand_zero);
    CHECK(machine.gone(3) == Indices{0});
    CHECK(machine.access(0) == FaultKind::swap_in);
    CHECK(machine.gone(3) == Indices{1});
    CHECK(machine.access(1) == FaultKind::swap_in);
    CHECK(machine.gone(3) == Indices{2});
}

TEST_CASE("reclaim: an instruction that goes round among pages that do not fit together is out of memory") {
    constexpr int patience = 2000;
    const auto faults_until_oom = [](PinMachine& machine, auto&& next_page) {
        int faults = 0;
        for (int accesses = 1; accesses <= patience; ++accesses) {
            const auto kind = machine.access(next_page(accesses));
            if (kind) ++faults;
            if (kind == FaultKind::oom) return faults;
        }
        return patience;
    };
    const auto round = [](int accesses) { return std::uint64_t(accesses) % 3; };

    SUBCASE("and not at once") {
        PinMachine machine(2);
        const int faults = faults_until_oom(machine, round);
        CHECK_GT(faults, 64);
        CHECK_LE(faults, 70);
        // Another instruction is none the worse for it.
        machine.instruction.go_to(0x402000);
        CHECK(machine.access(5) == FaultKind::demand_zero);
        CHECK(machine.access(6) == FaultKind::demand_zero);
    }
    SUBCASE("which is begun anew each time") {
        PinMachine machine(2);
        CHECK_LE(faults_until_oom(machine,
                                  [&](int accesses) {
                                      machine.instruction.next();
                                      return round(accesses);
                                  }),
                 70);
    }
    SUBCASE("but two that take turns are not") {
        PinMachine machine(2);
        CHECK(faults_until_oom(machine, [&](int accesses) {
                  machine.instruction.go_to(accesses / 2 % 2 == 0 ? 0x401000 : 0x401008);
                  return round(accesses);
              }) == patience);
    }
    SUBCASE("nor one that moves on, as a string instruction and one in a loop do") {
        PinMachine machine(2);
        CHECK(faults_until_oom(machine, [&](int accesses) {
                  if (accesses % 30 == 0) ++machine.instruction.registers;
                  return round(accesses);
              }) == patience);
    }
    SUBCASE("nor one after which the kernel needs room as well") {
        PinMachine machine(2);
        CHECK(faults_until_oom(machine, [&](int accesses) {
                  if (accesses % 30 == 0) machine.put(20 + std::uint64_t(accesses) / 30 % 2, 1);
                  return round(accesses);
              }) == patience);
    }
    SUBCASE("and gets on where another's end gives it room") {
        struct Killer final : OomHandler {
            explicit Killer(PinMachine& its_machine) : machine(its_machine) {}
            bool kill_for_memory() override {
                ++kills;
                return machine.mm->unlock(page(40), page_size).has_value() &&
                       machine.mm->unmap(page(40), page_size).has_value();
            }
            PinMachine& machine;
            int kills = 0;
        };
        PinMachine machine(3);
        machine.put(40, 1);
        REQUIRE(machine.mm->lock(page(40), page_size, VmFlags()).has_value());
        Killer killer(machine);
        machine.reclaimer->set_oom_handler(&killer);
        CHECK(faults_until_oom(machine, round) == patience);
        CHECK(killer.kills == 1);
        for (std::uint64_t i = 0; i < 3; ++i) CHECK(machine.resident(i));
    }
}

TEST_CASE("pins: they are no more than so many, the latest") {
    constexpr std::uint64_t most = 8, frames = most + 2;
    PinMachine machine(frames);
    for (std::uint64_t i = 0; i < frames; ++i) machine.put(i, 1);
    for (std::uint64_t i = 0; i <= most; ++i) machine.access(20 + i);
    for (std::uint64_t i = 0; i <= most; ++i) CHECK(machine.resident(20 + i));
    CHECK(machine.resident(0));
    // The first of the nine is a page as all others are, and was used after those from before.
    machine.access(30);
    CHECK_FALSE(machine.resident(20));
    for (std::uint64_t i = 1; i <= most; ++i) CHECK(machine.resident(20 + i));
    CHECK(machine.resident(0));
}

TEST_CASE(
    "pins: a policy of variable allocation does not let go of them, and takes them once the instruction is done") {
    std::uint64_t now = 100;
    Pressure tiny = pressure(8, 64, "working-set,window=1");
    tiny.reclaim.time_ns = [&] { return now; };
    PinMachine machine(tiny);
    for (std::uint64_t i = 0; i < 3; ++i) {
        now += 5;
        machine.access(i);
    }
    CHECK(machine.gone(3) == Indices{});
    machine.instruction.next();
    now += 5;
    machine.access(3);
    CHECK(machine.gone(4) == Indices{0, 1, 2});
}

TEST_CASE("pins: the kernel's accesses pin nothing") {
    PinMachine machine(3);
    for (std::uint64_t i = 0; i < 3; ++i) machine.put(i, 1);
    machine.put(4, 1);
    machine.put(5, 1);
    CHECK(machine.gone(6) == Indices{2, 3, 4});
}

}  // namespace fl::mm
