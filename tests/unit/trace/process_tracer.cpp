#include "trace/process_tracer.hpp"

#include "tests/unit/mm/machine.hpp"
#include "trace/events.hpp"

#include <doctest/doctest.h>

#include <map>

using namespace fl;
using namespace fl::trace;

namespace {

// Knows each process's mappings from what it was told, and keeps the events themselves.
class Follower final : public Writer {
public:
    void write(const TracedFault& /*fault*/) noexcept override {}
    void write_eviction(const mm::EvictionEvent& /*event*/) noexcept override {}
    void write_write_back(const mm::WriteBackEvent& /*event*/) noexcept override {}
    void finish() noexcept override {}
    void flush() noexcept override {}
    bool wants_processes() const noexcept override { return true; }
    void write_task(const TaskEvent& event) noexcept override { tasks.push_back(event); }
    void write_mappings(const MappingsEvent& event) noexcept override {
        auto& own = mappings[event.pid];
        if (event.all) own.clear();
        for (const VirtRange& range : event.gone) {
            const auto found = own.find(range.start);
            CHECK((found != own.end() && found->second.range == range));
            own.erase(range.start);
        }
        for (const Mapping& mapping : event.mapped) {
            CHECK(own.emplace(mapping.range.start, mapping).second);
            ++mapped;
        }
        ++events;
    }
    void write_tables(const TableTree& tree) noexcept override { trees.push_back(tree); }
    void write_sample(const mm::MemorySample& sample) noexcept override { samples.push_back(sample.time_ns); }

    std::vector<TaskEvent> tasks;
    std::vector<TableTree> trees;
    std::map<std::uint32_t, std::map<VirtAddr, Mapping>> mappings;  // by pid
    std::vector<std::uint64_t> samples;
    std::size_t events = 0, mapped = 0;
};

class Clock final : public SampleSource {
public:
    std::uint64_t now_ns() const override { return time_ns; }
    mm::MemorySample sample() const override {
        mm::MemorySample now{.time_ns = time_ns, .processes = {}};
        now.processes.resize(processes);
        return now;
    }
    std::uint64_t time_ns = 1;
    std::size_t processes = 1;
};

VirtAddr page(std::uint64_t index) { return VirtAddr(0x100000) + index * page_size; }

class Traced : public mm::test::Machine {
public:
    Traced() : mm::test::Machine(512) {}
    void tell(std::uint32_t pid) { tell(pid, *mm); }
    void tell(std::uint32_t pid, mm::MmStruct& space) { tracer.on_mappings(pid, space, space.vmas().take_changes()); }
    // What the follower knows of the process is what there is.
    bool is_known(std::uint32_t pid) { return is_known(pid, *mm); }
    bool is_known(std::uint32_t pid, const mm::MmStruct& space) {
        std::vector<Mapping> there, known;
        for (const mm::Vma* vma = space.vmas().first(); vma != nullptr; vma = vma->next()) {
            there.push_back({vma->range(), mm::protection_string(vma->flags()), space.vma_name(*vma)});
        }
        for (const auto& [start, mapping] : follower.mappings[pid]) known.push_back(mapping);
        return there == known;
    }

    Follower follower;
    Clock clock;
    Sampler sampler{follower, clock};
    ProcessTracer tracer{follower, clock, sampler};
};

}  // namespace

TEST_CASE("mappings are told of as they change") {
    Traced machine;
    machine.tracer.on_exec(2, "/bin/a");
    REQUIRE(machine.map(page(0), 8).has_value());
    machine.tell(2);
    CHECK(machine.is_known(2));
    CHECK(machine.follower.events == 1);
    machine.tell(2);
    CHECK(machine.follower.events == 1);
    REQUIRE(machine.mm->unmap(page(2), page_size).has_value());
    machine.tell(2);
    CHECK(machine.is_known(2));
    REQUIRE(machine.mm->protect(page(4), 2 * page_size, mm::prot_read).has_value());
    machine.tell(2);
    CHECK(machine.is_known(2));
    REQUIRE(machine.mm->protect(page(4), 2 * page_size, mm::test::read_write).has_value());
    REQUIRE(machine.map(page(2), 1).has_value());
    machine.tell(2);
    CHECK(machine.is_known(2));
    CHECK(machine.follower.mappings[2].size() == 1);
    REQUIRE(machine.mm->unmap(page(0), 8 * page_size).has_value());
    machine.tell(2);
    CHECK(machine.is_known(2));
    CHECK(machine.follower.mappings[2].empty());
}

TEST_CASE("a change among many mappings is told of alone") {
    Traced machine;
    constexpr std::uint64_t count = 1000;
    machine.tell(2);
    for (std::uint64_t i = 0; i < count; ++i) {
        REQUIRE(machine.map(page(2 * i), 1, i % 2 == 0 ? mm::prot_read : mm::test::read_write).has_value());
        machine.tell(2);
    }
    CHECK(machine.is_known(2));
    CHECK(machine.follower.mapped == count);
}

TEST_CASE("processes that share an address space are all told, and a new one of all") {
    Traced machine;
    REQUIRE(machine.map(page(0), 1).has_value());
    machine.tell(2);
    machine.tracer.on_fork(2, 3);
    machine.tell(3);
    CHECK(machine.is_known(3));
    REQUIRE(machine.map(page(4), 1).has_value());
    machine.tell(3);
    CHECK(machine.is_known(2));
    CHECK(machine.is_known(3));
    // A copy of it is another.
    auto copy = machine.mm->fork();
    REQUIRE(copy.has_value());
    machine.tracer.on_fork(2, 4);
    machine.tell(4, **copy);
    CHECK(machine.is_known(4, **copy));
    REQUIRE((*copy)->unmap(page(0), page_size).has_value());
    machine.tell(4, **copy);
    CHECK(machine.is_known(4, **copy));
    CHECK(machine.is_known(2));
    CHECK(machine.follower.mappings[2].size() == 2);
    // After exec all is new, although the mappings are where they were.
    machine.tracer.on_exec(3, "/bin/b");
    const std::size_t before = machine.follower.mapped;
    machine.tell(3);
    CHECK(machine.follower.mapped == before + 2);
    (*copy)->exit_mmap();
}

TEST_CASE("tasks begin and end, and the last end has a sample before it") {
    Traced machine;
    machine.clock.time_ns = 10;
    machine.tracer.on_exec(2, "/bin/a");
    machine.tell(2);
    machine.tracer.on_fork(2, 3);
    machine.tell(3);
    machine.tracer.on_exit(2, {.status = 1, .signal = 0});
    CHECK(machine.follower.samples.empty());
    machine.clock.time_ns = 20;
    machine.tracer.on_exit(3, {.status = 139, .signal = 11});
    CHECK(machine.follower.samples == std::vector<std::uint64_t>{20});
    using Kind = TaskEvent::Kind;
    const std::vector<TaskEvent> expected = {
        {.kind = Kind::exec, .time_ns = 10, .pid = 2, .path = "/bin/a"},
        {.kind = Kind::fork, .time_ns = 10, .pid = 3, .parent = 2, .path = {}},
        {.kind = Kind::exit, .time_ns = 10, .pid = 2, .path = {}, .status = 1},
        {.kind = Kind::exit, .time_ns = 20, .pid = 3, .path = {}, .status = 139, .signal = 11}};
    CHECK(machine.follower.tasks == expected);
}

TEST_CASE("a process's page tables are told of at its end, whoever else ends before") {
    Traced machine;
    machine.tracer.on_exec(2, "/bin/a");
    REQUIRE(machine.map(page(0), 8).has_value());
    (void)machine.write(page(1));
    (void)machine.write(page(2));
    machine.tell(2);
    auto copy = machine.mm->fork();
    REQUIRE(copy.has_value());
    machine.tracer.on_fork(2, 3);
    machine.tell(3, **copy);
    REQUIRE((*copy)->unmap(page(2), page_size).has_value());
    machine.tell(3, **copy);
    machine.clock.time_ns = 30;
    machine.tracer.on_exit(3, {.status = 0, .signal = 0});
    machine.clock.time_ns = 40;
    machine.tracer.on_exit(2, {.status = 0, .signal = 0});
    // A process that nobody has told of has none.
    machine.tracer.on_exit(4, {.status = 0, .signal = 0});
    REQUIRE(machine.follower.trees.size() == 2);
    TableTree expected = table_tree((*copy)->page_table(), 3);
    expected.time_ns = 30;
    CHECK(machine.follower.trees[0] == expected);
    CHECK(machine.follower.trees[0].rows.size() == 4);
    expected = table_tree(machine.mm->page_table(), 2);
    expected.time_ns = 40;
    CHECK(machine.follower.trees[1] == expected);
    CHECK(machine.follower.trees[1].rows.back().page == page(1).value() >> page_shift);
    (*copy)->exit_mmap();
}

TEST_CASE("samples are as many in a long run as in one that is twice as long, but for a few") {
    Traced machine;
    const auto samples_until = [&](std::uint64_t end_ns) {
        while (machine.clock.time_ns < end_ns) machine.sampler.note_fault(machine.clock.time_ns += 500);
        return machine.follower.samples.size();
    };
    CHECK(samples_until(2'000) == 4);
    const std::size_t at_10_ms = samples_until(10'000'000), at_20_ms = samples_until(20'000'000),
                      at_2_s = samples_until(2'000'000'000);
    CHECK(at_20_ms - at_10_ms > 100);
    CHECK(at_20_ms - at_10_ms < 120);
    CHECK(at_2_s > 1000);
    CHECK(at_2_s < 2000);
    // Many processes make samples large, so that there are fewer.
    machine.clock.processes = 160;
    machine.sampler.take();
    const std::size_t before = machine.follower.samples.size();
    CHECK(samples_until(4'000'000'000) - before < 15);
}
