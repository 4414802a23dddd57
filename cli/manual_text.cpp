#include "cli/manual_text.hpp"

#include <algorithm>
#include <iterator>

namespace fl::cli {

namespace {

constexpr ManualText texts[] = {
    {"",
     {{"DESCRIPTION",
       R"(Each subcommand has a page of its own and a --help. Standard output is for results, and under faultline run for the
program alone; what faultline itself has to say is one line on standard error that begins with "faultline: ".)"},
      {"SIZES AND COUNTS",
       R"(A SIZE is a number of bytes, or of something larger by a unit behind it, in small or capital letters: K, M, G and T are
powers of 1024, and may be followed by B or iB; page and pages are 4 KiB.

  4096    64K    32M    2GiB    100pages

Where pages or frames are counted (--frames, --fault-around), a bare number is one of pages; with a unit it is a size as
above, of which whole pages count: --frames 64, --frames 64pages and --frames 256K are the same. Lists and ranges of
frames take units as well: 16,1M or 64K..4M+64K or 16..1Gx2.

Times in --cost are numbers with ns, us, ms or s behind them: 0.5us.)"},
      {"POLICIES",
       R"(A policy is written NAME[,key=value...]: clock,load=0. faultline policies lists the names, and faultline policies NAME the
parameters. In a list a part with a '=' belongs to the policy before it: lru,clock,load=0 are two. The path of a shared
object stands for a policy of your own.)"},
      {"EXIT STATUS",
       R"(Subcommands end with 0 where all went well; with 2 where the command line, or a file that it names, cannot be used; with
1 where the result could not be written in full; and with 70 where faultline found a bug of its own. faultline run and
faultline compare-native have more, which their pages list.)"}}},
    {"run",
     {{"DESCRIPTION",
       R"(Loads PROGRAM, which is linked statically, into an address space of its own and executes its instructions one by one on
an emulated processor. A kernel of our own answers its system calls and handles its page faults. The same program with
the same options does the same in every run, to the byte and the nanosecond, unless --clock host is given or it is shown
what changes.)"},
      {"FILES",
       R"(The program sees an empty file system in memory, /proc and some devices, and its own file; --bind and --root show it files
of the host. What it writes is gone at its end, unless --bind says ':rw'.)"},
      {"NOTES",
       R"(A program that ends by itself with status 2, 124 or 125 cannot be told by the status alone from faultline's own; where
faultline has ended it, or not begun, there is a line on standard error. 124 is for --max-tasks, --max-instructions and
--timeout, 70 for a broken invariant, which is a bug of faultline.)"}}},
    {"compare-native",
     {{"FILES",
       R"(/proc/sys/kernel/perf_event_paranoid: with a value above 2 only root, or who has CAP_PERFMON, can record page faults.)"}}},
    {"policies",
     {{"DESCRIPTION",
       R"(A policy says what it needs: faults only, accessed bits, every reference, or the future. Those that need every reference
slow a program down, and the one that needs the future works on recorded references alone.)"},
      {"FILES",
       R"(faultline/policy.hpp, in the include folder of the installation: the one header that a policy of your own is built
against. lifo.cpp, among the examples of the documentation: such a policy.)"}}},
    {"refs",
     {{"DESCRIPTION",
       R"(A reference string is the list of pages that a program used, in order. faultline replay, curve and sweep take all formats
that are read here.)"}}},
    {"replay",
     {{"DESCRIPTION",
       R"(Nothing runs: the references come from a file, and the policy decides which page leaves as it would in a running program.
OPT, the best that is possible, is there for comparison. --explain says of each eviction what the policy knew.)"},
      {"FILES",
       R"(FILE.refs comes from faultline run --record, or is a list of page numbers in a text file, or one of the other formats of
faultline-refs(1).)"}}},
    {"sweep",
     {{"FILES",
       R"(sweep.db, or what --output says: the results, as SQLite tables.

sweep.db.parts beside it: what is measured so far. It goes away when all is measured, and is what an interrupted sweep
goes on from.)"}}},
    {"curve",
     {{"DESCRIPTION",
       R"(LRU and OPT are stack algorithms: what is in memory with N frames is in memory with N + 1 as well, so that one pass has
the faults at every number of frames.)"}}},
};

constexpr ManualText unknown{};

}  // namespace

const ManualText& manual_text(std::string_view command) {
    const auto* const found = std::find_if(std::begin(texts), std::end(texts),
                                           [=](const ManualText& text) { return text.command == command; });
    return found == std::end(texts) ? unknown : *found;
}

}  // namespace fl::cli
