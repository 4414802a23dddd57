// Runs a fuzz target without libFuzzer: every file named on the command line, or below a folder that is, as it stands
// and cut short at many places. That needs no special compiler, so it belongs to the ordinary tests.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_of(const fs::path& path) {
    if (!fs::is_directory(path)) {
        return {path};
    }
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
        if (entry.is_regular_file()) {
            files.push_back(entry.path());
        }
    }
    std::sort(files.begin(), files.end());
    return files;
}

// The input is copied to memory of its exact size each time, so that a sanitizer sees a read past its end.
void run(const std::vector<std::uint8_t>& input, std::size_t size) {
    const std::vector<std::uint8_t> exact(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(size));
    LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

// Every length in the headers, then sixty-four more up to the whole; returns how many inputs that were.
std::size_t replay(const std::vector<std::uint8_t>& input) {
    constexpr std::size_t header_bytes = 1024;
    std::size_t runs = 0;
    for (std::size_t size = 0; size < std::min(input.size(), header_bytes); ++size, ++runs) {
        run(input, size);
    }
    for (std::size_t part = 1; part <= 64; ++part, ++runs) {
        run(input, input.size() * part / 64);
    }
    return runs;
}

}  // namespace

int main(int count, char** arguments) {
    std::size_t runs = 0;
    for (int i = 1; i < count; ++i) {
        for (const auto& path : files_of(arguments[i])) {
            std::ifstream file(path, std::ios::binary);
            if (!file) {
                std::fprintf(stderr, "replay: cannot open %s\n", path.c_str());
                return 2;
            }
            runs += replay({std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()});
        }
    }
    std::printf("%zu inputs\n", runs);
    return runs == 0 ? 2 : 0;
}
