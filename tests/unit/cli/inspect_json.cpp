// What the kernel itself has, as JSON; tests/command/inspect.sh compares all views with their text.
#include "cli/inspect_json.hpp"

#include "mm/kernel_layout.hpp"
#include "mm/slab/slab_allocator.hpp"

#include "tests/unit/mm/kernel_machine.hpp"

#include <fmt/format.h>

#include <algorithm>

using namespace fl;
using namespace fl::mm;
using namespace fl::mm::test;
using cli::Json;

namespace {

std::string hex(VirtAddr address) { return fmt::format("{:#x}", address.value()); }

struct Example {
    KernelMachine machine{2048};
    SlabAllocator slab{machine.memory};
    FaultHandler handler{machine.memory};
    kernel::KernelLog log{[] { return std::uint64_t{5000}; }};
    std::unique_ptr<MmStruct> mm = machine.make_mm();
    VirtAddr area = *machine.vmalloc().allocate({.size_bytes = 3 * page_size, .caller = "example"});
    VirtAddr object = *slab.kmalloc(64);
    VirtAddr block = *slab.kmalloc(3 * page_size);

    ~Example() {
        slab.kfree(block);
        slab.kfree(object);
        machine.vmalloc().free(area);
    }
    kernel::Inspection standing() const {
        return {.memory = machine.memory,
                .faults = handler,
                .processes = {{7, "example", mm.get()}},
                .current_pid = 7,
                .files = {},
                .log = &log};
    }
    Json view(const char* name) const {
        const kernel::Inspection standing = this->standing();
        return cli::json_view(name, standing, standing.processes[0]);
    }
    Json walk(VirtAddr address) const {
        const kernel::Inspection standing = this->standing();
        return cli::json_walk(standing, standing.processes[0], address);
    }
};

}  // namespace

TEST_CASE("kernel: ranges with their pages, shared entries, vmalloc areas") {
    const Example example;
    const Json half = example.view("kernel");
    CHECK(half["root"] == example.machine.space.root().value());
    REQUIRE(half["ranges"].size() == 3);
    CHECK(half["ranges"][0]["name"] == "direct map");
    CHECK(half["ranges"][0]["small_pages"]["count"] == 512);
    CHECK(half["ranges"][0]["large_pages"]["count"] == 3);
    CHECK(half["ranges"][1]["small_pages"]["count"] == 3);
    CHECK(half["ranges"][1]["large_pages"]["bits"].is_null());
    CHECK(half["ranges"][1]["used_bytes"] == 3 * page_size);
    CHECK_FALSE(half["shared"].empty());
    CHECK(half["vmalloc"] == Json::array({{{"start", hex(example.area)},
                                           {"end", hex(example.area + 4 * page_size)},
                                           {"pages", 3},
                                           {"caller", "example"}}}));
}

TEST_CASE("slab and log: caches that have a slab, records") {
    Example example;
    example.log.print(kernel::LogLevel::warning, "two\nlines");
    const Json slab = example.view("slab");
    CHECK(slab["blocks"] == 1);
    // The other is the mm_struct's.
    REQUIRE(slab["caches"].size() == 2);
    const auto cache = std::ranges::find(slab["caches"], "kmalloc-64", [](const Json& row) { return row["name"]; });
    REQUIRE(cache != slab["caches"].end());
    CHECK((*cache)["used"] == 1);
    CHECK((*cache)["first_slab"]["used"] == 1);
    CHECK(slab["without_slab"] == example.slab.caches().size() - 2);
    CHECK(example.view("log") ==
          Json{{"pushed_out", 0},
               {"records",
                Json::array({{{"seq", 0}, {"time", 5000}, {"facility", 0}, {"level", 4}, {"text", "two\nlines"}}})}});
}

TEST_CASE("walk and phys: addresses of the kernel half there and back") {
    const Example example;
    const Json walk = example.walk(example.area + page_size + 8);
    CHECK(walk["mapping"]["name"] == "vmalloc, example");
    CHECK(walk["faults"].is_null());
    const auto behind = example.machine.space.translate(example.area + page_size + 8);
    REQUIRE(behind.has_value());
    CHECK(walk["phys"] == fmt::format("{:#x}", behind->value()));
    // A large page's frame is the one that the address lies in.
    const VirtAddr large = direct_map_address(PhysAddr(huge_page_bytes + 5 * page_size + 7));
    CHECK(example.walk(large)["steps"].size() == 3);
    CHECK(example.walk(large)["phys"] == fmt::format("{:#x}", huge_page_bytes + 5 * page_size + 7));

    const Json phys = cli::json_physical(example.standing(), *behind);
    CHECK(phys["state"] == "vmalloc");
    REQUIRE(phys["kernel"].size() == 2);
    CHECK(phys["kernel"][0]["addr"] == hex(direct_map_address(*behind)));
    CHECK(phys["kernel"][1]["addr"] == hex(example.area + page_size + 8));
    const Json object = cli::json_physical(example.standing(), physical_address(example.object));
    CHECK(object["cache"] == "kmalloc-64");
    CHECK(object["object"] == hex(example.object));
    CHECK(object["in_use"] == true);
    CHECK(cli::json_physical(example.standing(), physical_address(example.block))["cache"].is_null());
    const Json table = cli::json_physical(example.standing(), example.machine.space.root().address());
    CHECK(table["table"]["pid"].is_null());
    CHECK(table["table"]["level"] == 4);
}
