// check-trace-events FILE: exit status 0 and how many events of each phase, and of each counter, there are, or 1 and
// what is wrong with the file.
#include "tests/trace-events/check.hpp"

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    std::ifstream file(argv[1], std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    fl::trace_events::Check check;
    const std::string wrong = file.is_open() ? check.check(text) : "cannot be opened";
    if (!wrong.empty()) {
        std::fprintf(stderr, "%s: %s\n", argv[1], wrong.c_str());
        return 1;
    }
    for (const auto& [what, count] : check.counts) std::printf("%s: %zu\n", what.c_str(), count);
    return 0;
}
