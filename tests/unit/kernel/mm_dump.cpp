#include "kernel/mm_dump.hpp"

#include "kernel/proc_maps.hpp"

#include "tests/unit/mm/machine.hpp"

using namespace fl;
using namespace fl::mm;
using namespace fl::mm::test;
using kernel::compare_views;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// A file of two pages, three pages of memory of which one was written.
struct Example {
    Machine machine;

    Example() {
        const auto file = machine.open(numbered_pages(2 * page_size));
        REQUIRE(machine.map(page(0), 1, prot_read | prot_exec, map_private | map_fixed, file, 1));
        REQUIRE(machine.map(page(16), 3));
        REQUIRE(machine.map(page(32), 1, 0));
        machine.write(page(16));
    }

    std::string maps() const { return kernel::proc_maps(*machine.mm); }
    Lines differences(const std::string& maps) const { return compare_views(*machine.mm, maps); }
    std::string dump() const { return kernel::dump_mm(*machine.mm, 7, "process 7 (example), at its end"); }
};

std::string replaced(std::string text, const std::string& old_part, const std::string& new_part) {
    const std::size_t at = text.find(old_part);
    REQUIRE(at != std::string::npos);
    return text.replace(at, old_part.size(), new_part);
}

}  // namespace

TEST_CASE("views: the list, the tree and maps agree") {
    const Example example;
    CHECK(example.differences(example.maps()).empty());
    CHECK(contains(example.dump(), "\nThe list, the tree and /proc/7/maps agree: 3 VMAs.\n"));
}

TEST_CASE("views: each field of maps that differs is named") {
    const Example example;
    const auto with = [&](const std::string& old_part, const std::string& new_part) {
        return example.differences(replaced(example.maps(), old_part, new_part));
    };
    CHECK(with("10010000-10013000", "10010000-10012000") == Lines{"VMA 2 at 0x10010000: not the same range"});
    CHECK(with("rw-p", "r--p") == Lines{"VMA 2 at 0x10010000: not the same rights"});
    CHECK(with("r-xp 00001000", "r-xp 00000000") == Lines{"VMA 1 at 0x10000000: not the same offset"});
    CHECK(with("00:00 1 ", "00:00 2 ") == Lines{"VMA 1 at 0x10000000: not the same inode"});
    CHECK(with("00:00 1 ", "00:01 1 ") == Lines{"VMA 1 at 0x10000000: not the same device"});
    CHECK(with("/bin/example", "/bin/other") == Lines{"VMA 1 at 0x10000000: not the same name"});
    CHECK(with("---p 00000000", "nothing") == Lines{"VMA 3 at 0x10020000: not the same form of line"});
    CHECK(example.differences("").size() == 3);
    CHECK(example.differences(example.maps() + example.maps()).back() == "maps has 7 lines for 3 VMAs");
}

TEST_CASE("dump: mm_struct's fields, the VMAs with the lines of maps, the tree") {
    const Example example;
    const std::string dump = example.dump();
    CHECK(dump.starts_with("process 7 (example), at its end\n\nmm_struct\n"));
    CHECK(contains(dump, "map_count   3\n"));
    CHECK(contains(dump, "total_vm 5  hiwater_vm 5  data_vm 3  exec_vm 1  stack_vm 0  shared_vm 1  locked_vm 0"));
    CHECK(contains(dump, "MM_ANONPAGES 1  MM_FILEPAGES 0  MM_SHMEMPAGES 0  MM_SWAPENTS 0  hiwater_rss 1\n"));
    CHECK(contains(dump,
                   "  10000000-10001000              1  rd ex mr mw me                         5          1  -   "
                   "      generic_file_vm_ops\n    10000000-10001000 r-xp 00001000 00:00 1    "));
    CHECK(contains(dump,
                   "  10010000-10013000              3  rd wr mr mw me ac       8000000000000005      10010  #1  "
                   "      -\n    10010000-10013000 rw-p 00000000 00:00 0 \n"));
    // PROT_NONE: not present.
    CHECK(contains(dump, "  10020000-10021000              1  mr mw me                8000000000000100      10020  -"));
    CHECK(contains(dump,
                   "  /-- 10000000-10001000  red  0x10000000\n"
                   "  10010000-10013000  black  0x10000000\n"
                   "  \\-- 10020000-10021000  red  0xd000\n"));
}

TEST_CASE("dump: an address space without a mapping") {
    const Machine machine;
    const std::string dump = kernel::dump_mm(*machine.mm, 1, "empty");
    CHECK(contains(dump, "agree: 0 VMAs.\n"));
}
