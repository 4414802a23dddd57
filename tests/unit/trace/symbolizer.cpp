#include "trace/symbolizer.hpp"

#include <doctest/doctest.h>
#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <random>
#include <string>

using namespace fl;
using namespace fl::trace;

namespace {

std::string guest(const std::string& name) { return std::string(FAULTLINE_GUEST_FOLDER) + "/" + name; }

std::string contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    REQUIRE(file.good());
    return {std::istreambuf_iterator<char>(file), {}};
}

// A file of the test's own, gone at its end.
class TemporaryFile {
public:
    explicit TemporaryFile(const std::string& bytes) {
        const int descriptor = ::mkstemp(path_.data());
        REQUIRE(descriptor >= 0);
        ::close(descriptor);
        write(bytes);
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile() { ::unlink(path_.c_str()); }

    void write(const std::string& bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }
    const std::string& path() const { return path_; }

private:
    std::string path_ = "/tmp/faultline-symbolizer-XXXXXX";
};

// The address at which a function starts, by asking for each one.
std::optional<VirtAddr> find_function(Symbolizer& symbolizer, const std::string& name, VirtRange where) {
    for (VirtAddr address = where.start; address < where.end; address = address + 1) {
        if (symbolizer.locate(address).symbol == name + "+0x0") return address;
    }
    return std::nullopt;
}

template <class Structure>
Structure structure_at(const std::string& bytes, std::size_t offset) {
    Structure structure;
    REQUIRE(offset + sizeof structure <= bytes.size());
    std::memcpy(&structure, bytes.data() + offset, sizeof structure);
    return structure;
}

// Asks about addresses all over the program; what the answers are does not matter, that they come does.
void ask_everything(const std::string& path) {
    Symbolizer symbolizer({path, 0});
    for (std::uint64_t address = 0x400000; address < 0x408000; address += 61) symbolizer.locate(VirtAddr(address));
    for (const std::uint64_t address : {std::uint64_t{0}, std::uint64_t{1} << 47, ~std::uint64_t{0}}) {
        symbolizer.locate(VirtAddr(address));
    }
}

}  // namespace

TEST_CASE("addresses of a program at a fixed place have names and lines") {
    Symbolizer symbolizer({guest("hello-musl"), 0});
    const auto main = find_function(symbolizer, "main", {VirtAddr(0x401000), VirtAddr(0x402000)});
    REQUIRE(main);
    const CodeLocation location = symbolizer.locate(*main);
    CHECK(location.source.starts_with("guest-programs/hello.c:"));
    CHECK(symbolizer.locate(*main + 1).symbol == "main+0x1");
    CHECK(symbolizer.locate(*main + 1).source.starts_with("guest-programs/hello.c:"));
}

TEST_CASE("the load bias of a position independent program is taken off") {
    constexpr std::uint64_t bias = 0x7ffff7fdb000;
    Symbolizer symbolizer({guest("hello-musl-pie"), bias});
    const auto main = find_function(symbolizer, "main", {VirtAddr(bias + 0x1000), VirtAddr(bias + 0x2000)});
    REQUIRE(main);
    CHECK(symbolizer.locate(*main).source.starts_with("guest-programs/hello.c:"));
    CHECK(symbolizer.locate(VirtAddr(0x1000)).symbol.empty());
}

TEST_CASE("exported names are shown before internal ones, and every function of the C library has one") {
    Symbolizer symbolizer({guest("hello-glibc"), 0});
    CHECK(find_function(symbolizer, "memcpy", {VirtAddr(0x401000), VirtAddr(0x460000)}));
    CHECK(find_function(symbolizer, "_start", {VirtAddr(0x401000), VirtAddr(0x460000)}));
}

TEST_CASE("addresses outside the program have no name") {
    Symbolizer symbolizer({guest("hello-musl"), 0});
    for (const std::uint64_t address :
         {std::uint64_t{0}, std::uint64_t{0x1000}, std::uint64_t{0x7fffffffe000}, ~std::uint64_t{0}}) {
        const CodeLocation location = symbolizer.locate(VirtAddr(address));
        CHECK(location.symbol.empty());
        CHECK(location.source.empty());
    }
}

TEST_CASE("what is no ELF file of this machine gives no names") {
    std::string other_machine = contents(guest("hello-musl"));
    other_machine[offsetof(Elf64_Ehdr, e_machine)] = EM_386;
    const std::string archive = "!<arch>\n";
    for (const std::string& bytes :
         {std::string(), std::string("hello"),
          std::string("\x7f"
                      "ELF"),
          archive, contents(guest("hello-musl")).substr(0, 64), std::string(100'000, '\0'), other_machine}) {
        const TemporaryFile file(bytes);
        Symbolizer symbolizer({file.path(), 0});
        CHECK(symbolizer.locate(VirtAddr(0x401000)).symbol.empty());
        CHECK(symbolizer.locate(VirtAddr(0x401000)).source.empty());
    }
}

TEST_CASE("a missing file, a folder, a pipe and a device give no names") {
    const std::string pipe = "/tmp/faultline-symbolizer-pipe-" + std::to_string(::getpid());
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    for (const std::string& path :
         {std::string("/nonexistent"), std::string("/"), std::string("/dev/zero"), pipe, std::string()}) {
        Symbolizer symbolizer({path, 0});
        CHECK(symbolizer.locate(VirtAddr(0x401000)).symbol.empty());
    }
    ::unlink(pipe.c_str());
}

TEST_CASE("a program that is cut off anywhere is survived") {
    const std::string bytes = contents(guest("hello-musl"));
    const TemporaryFile file(bytes);
    for (std::size_t size = 0; size < bytes.size(); size += 1 + bytes.size() / 97) {
        file.write(bytes.substr(0, size));
        ask_everything(file.path());
    }
}

TEST_CASE("a program that shrinks while it is looked at is survived") {
    const std::string bytes = contents(guest("hello-musl"));
    const TemporaryFile file(bytes);
    Symbolizer symbolizer({file.path(), 0});
    symbolizer.locate(VirtAddr(0x401000));
    REQUIRE(::truncate(file.path().c_str(), 100) == 0);
    for (std::uint64_t address = 0x401000; address < 0x402000; address += 7) symbolizer.locate(VirtAddr(address));
}

TEST_CASE("programs with random damage are survived") {
    const std::string bytes = contents(guest("hello-musl"));
    const auto header = structure_at<Elf64_Ehdr>(bytes, 0);
    const TemporaryFile file(bytes);
    std::mt19937 random(1);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same damage in every run
    for (int round = 0; round < 150; ++round) {
        std::string damaged = bytes;
        // Half of the rounds aim at the section headers, where most of the trust is.
        const std::size_t from = round % 2 == 0 ? header.e_shoff : 0;
        for (int count = 0; count < 1 + round % 20; ++count) {
            const std::size_t at = from + random() % (bytes.size() - from);
            damaged[at] = static_cast<char>(random());
        }
        file.write(damaged);
        ask_everything(file.path());
    }
}

TEST_CASE("a file that wants another one opened for its lines gets none") {
    std::string bytes = contents(guest("hello-musl"));
    // The first section's name is pointed at the end of the table of names, which becomes the one that matters.
    const auto header = structure_at<Elf64_Ehdr>(bytes, 0);
    const auto names = structure_at<Elf64_Shdr>(bytes, header.e_shoff + header.e_shstrndx * sizeof(Elf64_Shdr));
    const std::string link = ".gnu_debugaltlink";
    REQUIRE(names.sh_size > link.size() + 1);
    bytes.replace(names.sh_offset + names.sh_size - link.size() - 1, link.size() + 1, link.c_str(), link.size() + 1);
    auto first = structure_at<Elf64_Shdr>(bytes, header.e_shoff + sizeof(Elf64_Shdr));
    first.sh_name = static_cast<Elf64_Word>(names.sh_size - link.size() - 1);
    std::memcpy(bytes.data() + header.e_shoff + sizeof(Elf64_Shdr), &first, sizeof first);
    const TemporaryFile file(bytes);
    Symbolizer symbolizer({file.path(), 0});
    const auto main = find_function(symbolizer, "main", {VirtAddr(0x401000), VirtAddr(0x402000)});
    REQUIRE(main);
    CHECK(symbolizer.locate(*main).source.empty());
}
