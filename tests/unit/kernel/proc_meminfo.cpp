#include "kernel/proc_meminfo.hpp"

#include "tests/unit/mm/machine.hpp"

#include <cctype>
#include <fstream>
#include <map>
#include <sstream>

using namespace fl;
using namespace fl::mm;
using namespace fl::mm::test;

namespace {

kernel::MemoryCensus census_of(const Machine& machine) {
    const MmStruct* const spaces[] = {machine.mm.get()};
    return kernel::take_census(machine.memory, spaces);
}

// One page of a file mapped and one read ahead, two anonymous pages, one of shared memory.
void fill(Machine& machine, const std::shared_ptr<File>& file) {
    REQUIRE(machine.map(page(0), 1, prot_read, map_private | map_fixed, file));
    REQUIRE(machine.map(page(2), 3));
    REQUIRE(machine.map(page(8), 2, read_write, map_shared | map_anonymous | map_fixed));
    machine.read(page(0));
    const auto second = file->read_page(1);
    REQUIRE(second.has_value());
    file->mark_dirty(*second);
    machine.write(page(2));
    machine.write(page(3));
    machine.write(page(8));
}

std::map<std::string, std::uint64_t> values(const std::string& text) {
    std::istringstream stream(text);
    std::map<std::string, std::uint64_t> found;
    for (std::string line; std::getline(stream, line);) {
        std::istringstream words(line);
        std::string name;
        std::uint64_t value = 0;
        if (words >> name >> value) found[name] = value;
    }
    return found;
}

std::string without_digits(std::string text) {
    std::erase_if(text, [](unsigned char c) { return std::isdigit(c) != 0 || c == ' '; });
    return text;
}

}  // namespace

TEST_CASE("census: every frame counted once") {
    Machine machine;
    const auto file = machine.open(numbered_pages(2 * page_size));
    fill(machine, file);
    const kernel::MemoryCensus census = census_of(machine);
    CHECK(census.total == PageCount(63));
    CHECK(census.file_cache == PageCount(2));
    CHECK(census.anonymous == PageCount(2));
    CHECK(census.shared_memory == PageCount(1));
    CHECK(census.mapped == PageCount(2));
    CHECK(census.dirty == PageCount(1));
    CHECK(census.page_tables == machine.mm->page_table().table_count());
    CHECK(census.committed == PageCount(3));
    CHECK(census.locked == PageCount(0));
    // All but the page of zeroes.
    CHECK(census.free + census.page_tables + PageCount(5 + 1) == census.total);
}

TEST_CASE("meminfo: the numbers of this machine") {
    Machine machine;
    fill(machine, machine.open(numbered_pages(2 * page_size)));
    auto found = values(kernel::proc_meminfo(census_of(machine)));
    CHECK(found["MemTotal:"] == 63 * 4);
    CHECK(found["MemFree:"] == machine.free_frames().value() * 4);
    CHECK(found["MemAvailable:"] == found["MemFree:"] + 8);
    CHECK(found["Cached:"] == 12);
    CHECK(found["AnonPages:"] == 8);
    CHECK(found["Mapped:"] == 8);
    CHECK(found["Shmem:"] == 4);
    CHECK(found["Inactive(anon):"] == 12);
    CHECK(found["Inactive(file):"] == 8);
    CHECK(found["Inactive:"] == 20);
    CHECK(found["PageTables:"] == 4 * 4);
    CHECK(found["Committed_AS:"] == 12);
    CHECK(found["CommitLimit:"] == 31 * 4);
    CHECK(found["SwapTotal:"] == 0);
    CHECK(found["Dirty:"] == 4);
}

TEST_CASE("meminfo and vmstat: the very lines that this machine's Linux prints, where it is the one we follow") {
    std::ifstream release("/proc/sys/kernel/osrelease");
    std::string version;
    std::getline(release, version);
    if (!version.starts_with("6.18")) {
        MESSAGE("skipped: this is Linux ", version);
        return;
    }
    const Machine machine;
    const auto host = [](const char* path) {
        std::ifstream file(path);
        std::stringstream text;
        text << file.rdbuf();
        return text.str();
    };
    std::string meminfo = without_digits(host("/proc/meminfo"));
    // Only processors with pages of 1 GiB have the last line.
    if (const auto last = meminfo.find("DirectMapG:"); last != std::string::npos) meminfo.resize(last);
    CHECK(without_digits(kernel::proc_meminfo(census_of(machine))) == meminfo);
    CHECK(without_digits(kernel::proc_vmstat(census_of(machine), {})) == without_digits(host("/proc/vmstat")));
}

TEST_CASE("meminfo: labels and numbers stand where Linux puts them") {
    kernel::MemoryCensus census;
    census.total = PageCount(6171023);
    const std::string text = kernel::proc_meminfo(census);
    CHECK(text.starts_with("MemTotal:       24684092 kB\nMemFree:               0 kB\n"));
    CHECK(text.find("VmallocTotal:   34359738367 kB\n") != std::string::npos);
    CHECK(text.find("HugePages_Total:       0\n") != std::string::npos);
    CHECK(text.find("Hugepagesize:       2048 kB\n") != std::string::npos);
}

TEST_CASE("vmstat: faults as the fault handler counted them") {
    Machine machine;
    fill(machine, machine.open(numbered_pages(2 * page_size)));
    auto found = values(kernel::proc_vmstat(census_of(machine), machine.handler.counters()));
    CHECK(found["nr_free_pages"] == machine.free_frames().value());
    CHECK(found["nr_anon_pages"] == 2);
    CHECK(found["nr_file_pages"] == 3);
    CHECK(found["nr_shmem"] == 1);
    CHECK(found["nr_mapped"] == 2);
    CHECK(found["pgfault"] == machine.observer.events.size());
    CHECK(found["pgmajfault"] == 1);
    CHECK(found["pswpin"] == 0);
}

TEST_CASE("buddyinfo: free blocks of each order") {
    const Machine machine(16);
    // Frames 0 (reserved), 1 (zeroes) and 2 (a table) are taken; 3, 4-7 and 8-15 are free.
    CHECK(kernel::proc_buddyinfo(machine.memory) ==
          "Node 0, zone   Normal      1      0      1      1      0      0      0      0      0      0      0 \n");
}

TEST_CASE("iomem: all of RAM but the reserved frame") {
    const Machine machine(16);
    CHECK(kernel::proc_iomem(machine.memory) ==
          "00000000-00000fff : Reserved\n"
          "00001000-0000ffff : System RAM\n");
}

TEST_CASE("zoneinfo: one zone, the node's counters, then the zone's") {
    const Machine machine(16);
    const std::string text = kernel::proc_zoneinfo(census_of(machine), machine.memory);
    CHECK(text.starts_with("Node 0, zone   Normal\n  per-node stats\n      nr_inactive_anon 0\n"));
    CHECK(text.find("\n      nr_dirty     0\n") != std::string::npos);
    CHECK(text.find("\n      nr_kernel_file_pages 0\n  pages free     13\n        boost    0\n") != std::string::npos);
    CHECK(text.find("\n        spanned  16\n        present  16\n        managed  15\n") != std::string::npos);
    CHECK(text.find("\n      nr_free_pages 13\n") != std::string::npos);
    CHECK(text.find("pgfault") == std::string::npos);
    CHECK(text.ends_with("\n  node_unreclaimable:  0\n  start_pfn:           0\n"));
}
