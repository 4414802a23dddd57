// What address spaces and files take of the slab allocator.
#include "mm/page_cache_nodes.hpp"
#include "tests/unit/mm/machine.hpp"

#include <functional>
#include <random>
#include <set>

namespace fl::mm {

using test::file_private;
using test::Machine;
using test::outcome;
using test::private_anonymous;
using test::read_write;

namespace {

constexpr VirtAddr base{0x10'0000'0000};

VirtAddr page(std::uint64_t index) { return base + index * page_size; }

struct Accounted : Machine {
    explicit Accounted(std::uint64_t frames = 256) : Machine(frames, {}, SlabChecks::full) {}

    std::uint64_t count(KernelObject kind) const { return slab->cache(kind).object_count(); }
    std::uint64_t vmas() const { return count(KernelObject::vm_area_struct); }
    std::uint64_t chains() const { return count(KernelObject::anon_vma_chain); }
    std::uint64_t families() const { return count(KernelObject::anon_vma); }
    std::uint64_t nodes() const { return count(KernelObject::radix_tree_node); }
};

}  // namespace

TEST_CASE("accounting: a VMA, a family, a membership each take an object, and give it back") {
    Accounted machine;
    CHECK(machine.count(KernelObject::mm_struct) == 1);
    CHECK(machine.vmas() == 0);
    REQUIRE(machine.map(page(0), 8).has_value());
    CHECK(machine.vmas() == 1);
    CHECK(machine.families() == 0);
    machine.write(page(0));
    CHECK(machine.families() == 1);
    CHECK(machine.chains() == 1);
    // Two cuts: three VMAs of one family.
    REQUIRE(machine.mm->protect(page(2), page_size, prot_read).has_value());
    CHECK(machine.vmas() == 3);
    CHECK(machine.chains() == 3);
    CHECK(machine.families() == 1);
    CHECK(machine.broken() == "");
    // And back into one.
    REQUIRE(machine.mm->protect(page(2), page_size, read_write).has_value());
    CHECK(machine.vmas() == 1);
    CHECK(machine.chains() == 1);
    REQUIRE(machine.mm->unmap(page(3), page_size).has_value());
    CHECK(machine.vmas() == 2);
    CHECK(machine.broken() == "");
    REQUIRE(machine.mm->unmap(page(0), 8 * page_size).has_value());
    CHECK(machine.slab->object_count() == 1);
    machine.mm.reset();
    CHECK(machine.slab->object_count() == 0);
}

TEST_CASE("accounting: a VMA that takes up its neighbour takes over what that held") {
    Accounted machine;
    REQUIRE(machine.map(page(0), 1).has_value());
    REQUIRE(machine.map(page(2), 1).has_value());
    machine.write(page(2));
    CHECK(machine.chains() == 1);
    // Between them: three become one, whose family is the upper one's.
    REQUIRE(machine.map(page(1), 1).has_value());
    CHECK(machine.vmas() == 1);
    CHECK(machine.chains() == 1);
    CHECK(machine.broken() == "");
}

TEST_CASE("accounting: fork takes as much again, and families of its own") {
    Accounted machine;
    REQUIRE(machine.map(page(0), 2).has_value());
    REQUIRE(machine.map(page(4), 2, prot_read).has_value());
    machine.write(page(0));
    {
        const auto child = machine.mm->fork();
        REQUIRE(child.has_value());
        CHECK(machine.count(KernelObject::mm_struct) == 2);
        CHECK(machine.vmas() == 4);
        CHECK(machine.families() == 2);
        CHECK(machine.chains() == 3);  // the child is in the parent's and in its own
        CHECK(machine.broken({child->get()}) == "");
    }
    CHECK(machine.count(KernelObject::mm_struct) == 1);
    CHECK(machine.vmas() == 2);
    CHECK(machine.chains() == 1);
    CHECK(machine.broken() == "");
}

namespace {

// Runs `change` with each of its objects failing in turn, on a machine of its own, until none does: where it fails it
// is ENOMEM, and the mappings are what they were.
unsigned fail_each(const std::function<void(Accounted&)>& prepare,
                   const std::function<std::string(Accounted&)>& change) {
    for (unsigned successes = 0;; ++successes) {
        CAPTURE(successes);
        Accounted machine;
        prepare(machine);
        const auto before = machine.layout(base);
        const std::uint64_t objects = machine.slab->object_count();
        machine.slab->fail_after(successes);
        const std::string result = change(machine);
        machine.slab->fail_after(std::nullopt);
        REQUIRE(machine.broken() == "");
        if (result == "ok") return successes;
        REQUIRE(result == "ENOMEM");
        REQUIRE(machine.layout(base) == before);
        REQUIRE(machine.slab->object_count() == objects);
        // The same once more finds memory.
        REQUIRE(change(machine) == "ok");
        REQUIRE(machine.broken() == "");
    }
}

void map_and_write(Accounted& machine) {
    REQUIRE(machine.map(page(0), 8).has_value());
    machine.write(page(0));
    machine.write(page(7));
}

}  // namespace

TEST_CASE("accounting: each object that a system call takes may fail") {
    CHECK(fail_each([](Accounted&) {}, [](Accounted& m) { return outcome(m.map(page(0), 2)); }) == 1);
    // A mapping over the middle of another: itself, and two cuts with a membership each.
    CHECK(fail_each(map_and_write, [](Accounted& m) { return outcome(m.map(page(3), 2, prot_read)); }) == 5);
    CHECK(fail_each(map_and_write, [](Accounted& m) { return outcome(m.mm->unmap(page(3), page_size)); }) == 4);
    CHECK(fail_each(map_and_write,
                    [](Accounted& m) { return outcome(m.mm->protect(page(3), page_size, prot_read)); }) == 4);
    CHECK(fail_each(map_and_write,
                    [](Accounted& m) { return outcome(m.mm->protect(page(0), page_size, prot_read)); }) == 2);
    // Nothing has to be cut.
    CHECK(fail_each(map_and_write, [](Accounted& m) { return outcome(m.mm->unmap(page(0), 8 * page_size)); }) == 0);
    CHECK(fail_each(map_and_write, [](Accounted& m) { return outcome(m.mm->lock(page(1), page_size, vm_locked)); }) ==
          4);
    CHECK(fail_each(map_and_write, [](Accounted& m) {
              return outcome(m.mm->remap({.address = page(2),
                                          .old_bytes = 2 * page_size,
                                          .new_bytes = 2 * page_size,
                                          .flags = mremap_maymove | mremap_fixed,
                                          .new_address = page(32)}));
          }) == 6);
    // An mm_struct, a VMA, its two memberships and a family.
    CHECK(fail_each(map_and_write, [](Accounted& m) {
              const auto child = m.mm->fork();
              return outcome(child);
          }) == 5);
}

TEST_CASE("accounting: a first write that finds no family is out of memory, and comes again") {
    for (const bool of_file : {false, true}) {
        CAPTURE(of_file);
        Accounted machine;
        if (of_file) {
            const auto file = machine.open(test::numbered_pages(2 * page_size));
            REQUIRE(machine.map(page(0), 2, read_write, file_private, file).has_value());
            machine.read(page(0));
        } else {
            REQUIRE(machine.map(page(0), 2).has_value());
        }
        for (const unsigned successes : {0U, 1U}) {
            machine.slab->fail_after(successes);
            CHECK(machine.write(page(0)) == test::Kinds{FaultKind::oom});
            machine.slab->fail_after(std::nullopt);
            (void)machine.handler.take_oom();
            CHECK(machine.families() == 0);
            CHECK(machine.broken() == "");
        }
        CHECK(machine.write(page(0)).size() == 1);
        CHECK(machine.families() == 1);
        CHECK(machine.broken() == "");
    }
}

TEST_CASE("accounting: the tree of a file's pages has a node for each 64, and those above") {
    Accounted machine(512);
    const auto file = machine.files.create({.path = "/example"}, FileKind::memory, 5000 * page_size);
    REQUIRE(file->read_page(0).has_value());
    CHECK(machine.nodes() == 0);  // the head holds it alone
    REQUIRE(file->read_page(5).has_value());
    CHECK(machine.nodes() == 1);
    REQUIRE(file->read_page(64).has_value());
    CHECK(machine.nodes() == 3);  // two, and their parent
    REQUIRE(file->read_page(4999).has_value());
    CHECK(machine.nodes() == 6);  // one level more, and a way down to the page
    CHECK(machine.broken() == "");
    machine.slab->fail_after(1);
    CHECK(outcome(file->read_page(1000)) == "ok");  // a node of its own in a branch that is there
    machine.slab->fail_after(0);
    CHECK(outcome(file->read_page(2000)) == "ENOMEM");
    machine.slab->fail_after(std::nullopt);
    CHECK_FALSE(file->cached(2000).has_value());
    CHECK(machine.broken() == "");
    REQUIRE(file->resize(page_size).has_value());
    CHECK(machine.nodes() == 3);  // the tree gets lower only once it is empty
    REQUIRE(file->resize(0).has_value());
    CHECK(machine.nodes() == 0);
    CHECK(machine.broken() == "");
}

TEST_CASE("accounting: nodes of random pages are as many as there are groups with a page") {
    Accounted machine(256);
    PageCacheNodes nodes(machine.memory);
    std::mt19937 random(3);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same in every run
    std::set<std::uint64_t> pages;
    unsigned levels = 0;
    for (unsigned step = 0; step < 2000; ++step) {
        const std::uint64_t index = random() % (random() % 2 == 0 ? 200 : 300'000);
        if (pages.contains(index)) {
            nodes.remove(index);
            pages.erase(index);
        } else if (nodes.add(index)) {
            pages.insert(index);
        }
        if (pages.empty()) levels = 0;
        for (std::uint64_t top = pages.empty() ? 0 : *pages.rbegin(); (top >> (6 * levels)) != 0;) ++levels;
        std::uint64_t expected = 0;
        for (unsigned level = 1; level <= levels; ++level) {
            std::set<std::uint64_t> groups;
            for (const std::uint64_t held : pages) groups.insert(held >> (6 * level));
            expected += groups.size();
        }
        REQUIRE(nodes.node_count() == expected);
        REQUIRE(machine.nodes() == expected);
        if (step % 500 == 499) {
            for (const std::uint64_t held : pages) nodes.remove(held);
            pages.clear();
            levels = 0;
        }
    }
}

TEST_CASE("accounting: short of memory, pages leave for the kernel's objects, and empty slabs go") {
    Accounted machine(64);
    machine.reclaim_under({.reclaim = {.frames = PageCount(64), .policy = test::policy_named("clock")},
                           .swap = {.slots = PageCount(256)}});
    REQUIRE(machine.map(page(0), 100).has_value());
    for (std::uint64_t i = 0; i < 100; ++i) machine.write(page(i));
    CHECK(machine.free_frames() < PageCount(8));
    std::vector<SlabObject> tasks;
    for (unsigned i = 0; i < 5; ++i) {
        // Of two frames side by side.
        auto task = new_kernel_object(machine.memory, KernelObject::task_struct);
        REQUIRE(task.has_value());
        tasks.push_back(std::move(*task));
    }
    CHECK(machine.broken() == "");
    tasks.clear();
    machine.mm->exit_mmap();
    (void)machine.slab->shrink();
    CHECK(machine.slab->object_count() == 1);
    CHECK(machine.broken() == "");
}

}  // namespace fl::mm
