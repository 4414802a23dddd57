#include "kernel/proc_meminfo.hpp"

#include "swapping_machine.hpp"

#include <fmt/format.h>

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
    CHECK(without_digits(kernel::proc_vmstat(census_of(machine), {}, machine.memory)) ==
          without_digits(host("/proc/vmstat")));
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
    auto found = values(kernel::proc_vmstat(census_of(machine), machine.handler.counters(), machine.memory));
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

TEST_CASE("meminfo: swap, what is in it and what waits beside it") {
    SwappingMachine machine;
    REQUIRE(machine->map(page(0), 4));
    for (std::uint64_t i = 0; i < 4; ++i) machine->write(page(i));
    machine.page_out(page(0), 3);
    machine->read(page(1));
    auto found = values(kernel::proc_meminfo(census_of(*machine)));
    CHECK(found["SwapTotal:"] == 32 * 4);
    CHECK(found["SwapFree:"] == 29 * 4);
    CHECK(found["SwapCached:"] == 4);
    CHECK(found["AnonPages:"] == 8);
    CHECK(found["Cached:"] == 0);
    CHECK(found["Inactive(anon):"] == 8);
    CHECK(found["CommitLimit:"] == (31 + 32) * 4);

    // Who comes back to be written to has no copy in swap any more.
    machine->write(page(2));
    found = values(kernel::proc_meminfo(census_of(*machine)));
    CHECK(found["SwapFree:"] == 30 * 4);
    CHECK(found["SwapCached:"] == 4);
    CHECK(found["AnonPages:"] == 12);
}

TEST_CASE("meminfo: what cannot be reclaimed, and what may be given up") {
    SwappingMachine machine;
    const auto kept = machine->files.create(FileIdentity{.path = "/tmp/a"}, FileKind::memory, page_size);
    REQUIRE(kept->write(0, std::as_bytes(std::span("abc"))));
    REQUIRE(machine->map(page(0), 3));
    for (std::uint64_t i = 0; i < 3; ++i) machine->write(page(i));
    REQUIRE(machine->mm->lock(page(0), page_size, VmFlags()).has_value());
    REQUIRE(machine->mm->advise(page(1), page_size, madv_free).has_value());
    auto found = values(kernel::proc_meminfo(census_of(*machine)));
    CHECK(found["Unevictable:"] == 8);
    CHECK(found["Mlocked:"] == 4);
    CHECK(found["Inactive(anon):"] == 4);
    CHECK(found["Inactive(file):"] == 4);
    CHECK(found["Cached:"] == 4);
    CHECK(found["Dirty:"] == 0);
    // Shared memory under SHM_LOCK, once by whatever keeps it.
    const auto shared = machine->files.create({.path = "/SYSV"}, FileKind::shared_memory, 2 * page_size);
    REQUIRE(machine->map(page(8), 2, read_write, file_shared, shared));
    machine->write(page(8));
    machine->write(page(9));
    shared->set_locked(true);
    REQUIRE(machine->mm->lock(page(8), page_size, VmFlags()).has_value());
    found = values(kernel::proc_meminfo(census_of(*machine)));
    CHECK(found["Unevictable:"] == 16);
    CHECK(found["Mlocked:"] == 8);
    CHECK(found["Shmem:"] == 8);
    CHECK(found["Inactive(anon):"] == 4);
    shared->set_locked(false);
    found = values(kernel::proc_meminfo(census_of(*machine)));
    CHECK(found["Unevictable:"] == 12);
    CHECK(found["Inactive(anon):"] == 8);
}

TEST_CASE("vmstat: what reclaim took, by whom and of which kind, and what came back") {
    SwappingMachine machine(PageCount(32), {.frames = PageCount(4)});
    const auto file = machine->open(numbered_pages(page_size));
    REQUIRE(machine->map(page(0), 1, prot_read, file_private, file));
    REQUIRE(machine->map(page(4), 4));
    REQUIRE(machine->map(page(8), 1, read_write, anonymous_shared));
    const auto counters = [&] {
        return values(kernel::proc_vmstat(census_of(*machine), machine->handler.counters(), machine->memory));
    };
    machine->read(page(0));
    for (std::uint64_t i = 0; i < 4; ++i) machine->write(page(4 + i));
    machine->write(page(8));
    auto found = counters();
    CHECK(found["pgsteal_file"] == 1);
    CHECK(found["pgsteal_anon"] == 1);
    CHECK(found["pgsteal_direct"] == 2);
    CHECK(found["pgsteal_kswapd"] == 0);
    CHECK(found["pgscan_direct"] == found["pgscan_anon"] + found["pgscan_file"]);
    CHECK(found["pgscan_direct"] >= 2);
    CHECK(found["allocstall_normal"] == 2);
    CHECK(found["pswpout"] == 1);
    CHECK(found["nr_vmscan_write"] == 1);
    CHECK(found["pswpin"] == 0);

    machine->read(page(4));
    machine->read(page(0));
    found = counters();
    CHECK(found["pswpin"] == 1);
    CHECK(found["workingset_refault_anon"] == 1);
    CHECK(found["workingset_refault_file"] == 1);
    CHECK(found["pgsteal_direct"] == 4);
    CHECK(found["nr_swapcached"] == 1);
    CHECK(found["nr_file_pages"] == 3);
    CHECK(found["oom_kill"] == 0);

    // On advice nobody makes room.
    machine.page_out(page(7));
    CHECK(counters()["pswpout"] == found["pswpout"] + 1);
    CHECK(counters()["pgsteal_direct"] == 4);
    CHECK(counters()["pgscan_direct"] == found["pgscan_direct"]);
}

TEST_CASE("vmstat and zoneinfo: the background reclaimer and its watermarks") {
    SwappingMachine machine(PageCount(64), {.frames = PageCount(40), .kswapd = true});
    const Watermarks marks = machine.reclaimer().watermarks();
    REQUIRE(machine->map(page(0), 40));
    for (std::uint64_t i = 0; i < 39; ++i) machine->write(page(i));
    CHECK(machine.reclaimer().kswapd_is_awake());
    REQUIRE(machine.reclaimer().run_kswapd() > PageCount(0));
    const auto census = census_of(*machine);
    auto found = values(kernel::proc_vmstat(census, machine->handler.counters(), machine->memory));
    CHECK(found["pageoutrun"] == 1);
    CHECK(found["pgsteal_kswapd"] > 0);
    CHECK(found["pgsteal_kswapd"] + found["pgsteal_direct"] == found["pgsteal_anon"]);
    CHECK(found["pgscan_kswapd"] >= found["pgsteal_kswapd"]);
    CHECK(found["pgscan_kswapd"] + found["pgscan_direct"] == found["pgscan_anon"]);
    const std::string zone = kernel::proc_zoneinfo(census, machine->memory);
    const auto distance = (marks.low - marks.min).value();
    CHECK(zone.find(fmt::format("\n        boost    0\n        min      {}\n        low      {}\n        high     {}\n"
                                "        promo    {}\n",
                                marks.min.value(), marks.low.value(), marks.high.value(),
                                marks.high.value() + distance)) != std::string::npos);
    auto memory = values(kernel::proc_meminfo(census));
    CHECK(memory["MemAvailable:"] == memory["MemFree:"] - marks.high.value() * 4);
}

TEST_CASE("swaps: the header, and a line where there is swap") {
    const std::string header = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
    const Machine without;
    CHECK(kernel::proc_swaps(without.memory) == header);
    SwappingMachine machine;
    REQUIRE(machine->map(page(0), 2));
    machine->write(page(0));
    machine->write(page(1));
    machine.page_out(page(0), 2);
    CHECK(kernel::proc_swaps(machine->memory) ==
          header + "/swap                                   file\t\t128\t\t8\t\t-2\n");
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
