// open_host_file: real files of the host, and all that is none.
#include "loader/host_file.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

namespace fl::test {

namespace {

namespace fs = std::filesystem;

class TemporaryFolder {
public:
    TemporaryFolder() : path_((fs::temp_directory_path() / "faultline-loader-XXXXXX").string()) {
        REQUIRE(mkdtemp(path_.data()) != nullptr);
    }
    ~TemporaryFolder() { fs::remove_all(path_); }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    fs::path operator/(const std::string& name) const { return fs::path(path_) / name; }

private:
    std::string path_;
};

void write_file(const fs::path& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

std::string read_text(const mm::FileSource& source, std::uint64_t offset, std::size_t count) {
    std::string text(count, '?');
    REQUIRE(source.read(offset, std::as_writable_bytes(std::span(text))).has_value());
    return text;
}

}  // namespace

TEST_CASE("a host file is read at any offset, with zeroes behind its end") {
    const TemporaryFolder folder;
    write_file(folder / "data", "0123456789");
    const auto file = loader::open_host_file(folder / "data");
    REQUIRE(file.has_value());
    CHECK(file->source->size_bytes() == 10);
    CHECK(read_text(*file->source, 3, 4) == "3456");
    CHECK(read_text(*file->source, 8, 4) == std::string("89\0\0", 4));
    CHECK(read_text(*file->source, 10, 2) == std::string(2, '\0'));
    CHECK(read_text(*file->source, ~std::uint64_t{0}, 2) == std::string(2, '\0'));
    CHECK(read_text(*file->source, 0, 0).empty());
}

TEST_CASE("a file that is cut short or grows while it is open keeps its size") {
    const TemporaryFolder folder;
    write_file(folder / "data", "0123456789");
    const auto file = loader::open_host_file(folder / "data");
    REQUIRE(file.has_value());
    fs::resize_file(folder / "data", 4);
    CHECK(file->source->size_bytes() == 10);
    CHECK(read_text(*file->source, 2, 6) == std::string("23\0\0\0\0", 6));
    write_file(folder / "data", "0123456789abcdef");
    CHECK(read_text(*file->source, 8, 4) == std::string("89\0\0", 4));
}

TEST_CASE("a file's identity is its own path, not the one it was found by") {
    const TemporaryFolder folder;
    write_file(folder / "data", "x");
    fs::create_symlink("data", folder / "link");
    const auto file = loader::open_host_file(folder / "link");
    REQUIRE(file.has_value());
    CHECK(file->identity.path == fs::canonical(folder / "data"));
    struct stat status {};
    REQUIRE(stat((folder / "data").c_str(), &status) == 0);
    CHECK(file->identity.inode == status.st_ino);
}

TEST_CASE("what cannot be opened says why") {
    const TemporaryFolder folder;
    CHECK(loader::open_host_file(folder / "nothing").error() == "No such file or directory");
    CHECK(loader::open_host_file("").error() == "No such file or directory");
    CHECK(loader::open_host_file(folder / "").error() == "is a directory");
    write_file(folder / "data", "x");
    CHECK(loader::open_host_file(folder / "data/more").error() == "Not a directory");
    fs::create_symlink("loop", folder / "loop");
    CHECK(loader::open_host_file(folder / "loop").error() == "Too many levels of symbolic links");
    // Nobody writes to this FIFO: opening it must not wait.
    REQUIRE(mkfifo((folder / "fifo").c_str(), 0600) == 0);
    CHECK(loader::open_host_file(folder / "fifo").error() == "is not a regular file");
    CHECK(loader::open_host_file("/dev/null").error() == "is not a regular file");
}

TEST_CASE("an empty file can be opened; its bytes are zero") {
    const TemporaryFolder folder;
    write_file(folder / "empty", "");
    const auto file = loader::open_host_file(folder / "empty");
    REQUIRE(file.has_value());
    CHECK(file->source->size_bytes() == 0);
    CHECK(read_text(*file->source, 0, 3) == std::string(3, '\0'));
}

}  // namespace fl::test
