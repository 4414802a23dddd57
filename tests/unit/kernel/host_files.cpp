// Folders of the host: what a guest's names come to there, and what it changes.
#include "kernel_support.hpp"

#include "kernel/vfs/host_directory.hpp"
#include "kernel/vfs/regular_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace fl;
using test::minus;
using test::TestSystem;

namespace {

constexpr std::uint64_t path = TestSystem::data, other_path = TestSystem::data + page_size,
                        buffer = TestSystem::data + 2 * page_size;

// A folder of this machine for the time of a test.
class HostFolder {
public:
    HostFolder() {
        std::string name = std::filesystem::temp_directory_path() / "faultline-host-files-XXXXXX";
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    HostFolder(const HostFolder&) = delete;
    HostFolder& operator=(const HostFolder&) = delete;
    ~HostFolder() { std::filesystem::remove_all(path_); }

    std::string at(const std::string& name) const { return path_ + "/" + name; }
    void put(const std::string& name, const std::string& text) const { std::ofstream(at(name)) << text; }
    std::string get(const std::string& name) const {
        std::ifstream file(at(name));
        return std::string(std::istreambuf_iterator<char>(file), {});
    }

private:
    std::string path_;
};

struct Guest {
    explicit Guest(const std::string& bind) {
        kernel::HostTree tree;
        auto opened = kernel::open_host_bind(bind);
        REQUIRE(opened.has_value());
        tree.binds.push_back(*std::move(opened));
        REQUIRE(system.system().vfs.mount(tree).has_value());
    }
    // With a folder as its root, under a layer in memory.
    explicit Guest(const HostFolder& folder) {
        kernel::HostTree tree;
        auto opened = kernel::open_host_root(folder.at(""));
        REQUIRE(opened.has_value());
        tree.root = *std::move(opened);
        kernel::Vfs& vfs = system.system().vfs;
        REQUIRE(vfs.mount(tree).has_value());
        *system.task().fs = kernel::FileSystemContext{vfs.root(), vfs.root()};
    }
    std::int64_t call(std::uint64_t number, const std::string& name, std::uint64_t second = 0,
                      std::uint64_t third = 0) {
        system.put_text(path, name);
        return system.call(number, {path, second, third});
    }
    std::int64_t two(std::uint64_t number, const std::string& from, const std::string& to) {
        system.put_text(other_path, to);
        return call(number, from, other_path);
    }
    std::uint64_t open(const std::string& name, std::uint64_t flags, std::uint64_t mode = 0644) {
        const std::int64_t fd = call(SYS_open, name, flags, mode);
        REQUIRE(fd >= 0);
        return static_cast<std::uint64_t>(fd);
    }
    std::string read(const std::string& name) {
        const std::uint64_t fd = open(name, O_RDONLY);
        const std::int64_t size = system.call(SYS_read, {fd, buffer, 4096});
        system.call(SYS_close, {fd});
        REQUIRE(size >= 0);
        return system.get_text(buffer, static_cast<std::size_t>(size));
    }

    TestSystem system{PageCount(256)};
};

}  // namespace

TEST_CASE("only a single component reaches the host") {
    HostFolder folder;
    folder.put("a", "text");
    std::filesystem::create_symlink("a", folder.at("link"));
    const auto node = *kernel::HostNode::open_named(folder.at(""));
    for (const std::string& name : {std::string(), std::string("."), std::string(".."), std::string("a/"),
                                    std::string("/etc"), std::string("../a"), std::string("a\0b", 3)}) {
        CHECK(node->child(name).error() == Errno::einval);
        CHECK(node->create(name, {S_IFREG | 0600}).error() == Errno::einval);
        CHECK(node->remove(name, false).error() == Errno::einval);
        CHECK(node->rename("a", *node, name, false).error() == Errno::einval);
        CHECK(node->add_link(*node, name).error() == Errno::einval);
    }
    CHECK(node->child(std::string(256, 'n')).error() == Errno::enametoolong);
    // A link is itself, and where it leads nobody asks the host.
    const auto link = node->child("link");
    REQUIRE(link.has_value());
    CHECK(S_ISLNK((*link)->status().st_mode));
    CHECK((*link)->link_text() == "a");
    CHECK((*link)->content(kernel::HostOpening::for_reading).error() == Errno::eacces);
    CHECK((*link)->child("a").error() == Errno::enotdir);
}

TEST_CASE("the host's /proc is not shown: it would lead to the emulator's own memory") {
    CHECK_FALSE(kernel::HostNode::open_named("/proc/self").has_value());
    const auto root = *kernel::HostNode::open_named("/");
    CHECK(root->child("proc").error() == Errno::eacces);
}

TEST_CASE("a file of the host is the same mm::File for all who use it, and what is mapped is written back") {
    HostFolder folder;
    folder.put("a", "before");
    std::filesystem::create_hard_link(folder.at("a"), folder.at("b"));
    Guest guest(folder.at("") + ":/in:rw");
    const std::uint64_t a = guest.open("/in/a", O_RDWR), b = guest.open("/in/b", O_RDWR);
    const auto file_of = [&](std::uint64_t fd) {
        return (*guest.system.task().files->find(fd))->mappable(guest.system.system())->file;
    };
    CHECK(file_of(a) == file_of(b));
    const std::int64_t mapped = guest.system.call(SYS_mmap, {0, page_size, 3, 1, a, 0});
    REQUIRE(mapped > 0);
    guest.system.call(SYS_close, {a});
    guest.system.call(SYS_close, {b});
    guest.system.put_text(static_cast<std::uint64_t>(mapped), "mapped");
    CHECK(guest.read("/in/b") == "mapped");
    CHECK(folder.get("a") == "before");
    CHECK(guest.system.call(SYS_munmap, {static_cast<std::uint64_t>(mapped), page_size}) == 0);
    CHECK(folder.get("a") == "mapped");
}

TEST_CASE("fsync brings a mapped file to the host, and write does so at once") {
    HostFolder folder;
    folder.put("a", "before");
    Guest guest(folder.at("") + ":/in:rw");
    const std::uint64_t fd = guest.open("/in/a", O_RDWR);
    guest.system.put_text(buffer, "rXY");
    CHECK(guest.system.call(SYS_pwrite64, {fd, buffer, 3, 4}) == 3);
    CHECK(folder.get("a") == "beforXY");
    const std::int64_t mapped = guest.system.call(SYS_mmap, {0, page_size, 3, 1, fd, 0});
    REQUIRE(mapped > 0);
    guest.system.put(static_cast<std::uint64_t>(mapped), 'B');
    CHECK(guest.system.call(SYS_fsync, {fd}) == 0);
    CHECK(folder.get("a") == "BeforXY");
    guest.system.put(static_cast<std::uint64_t>(mapped), 'S');
    CHECK(guest.system.call(SYS_sync) == 0);
    CHECK(folder.get("a") == "SeforXY");
    guest.system.put(static_cast<std::uint64_t>(mapped), 'M');
    CHECK(guest.system.call(SYS_msync, {static_cast<std::uint64_t>(mapped), page_size, 4}) == 0);
    CHECK(folder.get("a") == "MeforXY");
    CHECK(guest.system.call(SYS_munmap, {static_cast<std::uint64_t>(mapped), page_size}) == 0);
}

TEST_CASE("what the host changes meanwhile shows") {
    HostFolder folder;
    folder.put("a", "one");
    Guest guest(folder.at("") + ":/in");
    CHECK(guest.read("/in/a") == "one");
    folder.put("new", "two");
    CHECK(guest.read("/in/new") == "two");
    std::filesystem::rename(folder.at("new"), folder.at("a"));
    CHECK(guest.read("/in/a") == "two");
    CHECK(guest.call(SYS_stat, "/in/new", buffer) == minus(Errno::enoent));
}

TEST_CASE("a file that the host cuts short reads as zero, and nothing ends") {
    HostFolder folder;
    folder.put("a", std::string(3 * page_size, 'x'));
    Guest guest(folder.at("") + ":/in");
    const std::uint64_t fd = guest.open("/in/a", O_RDONLY);
    std::filesystem::resize_file(folder.at("a"), 10);
    CHECK(guest.system.call(SYS_pread64, {fd, buffer, 8, 2 * page_size}) == 8);
    CHECK(guest.system.get<std::uint64_t>(buffer) == 0);
}

TEST_CASE("a folder that becomes a link under the guest's feet leads nowhere new") {
    HostFolder folder, outside;
    std::filesystem::create_directory(folder.at("d"));
    outside.put("secret", "secret");
    Guest guest(folder.at("") + ":/in:rw");
    const std::uint64_t fd = guest.open("/in/d", O_RDONLY | O_DIRECTORY);
    std::filesystem::rename(folder.at("d"), folder.at("was-d"));
    std::filesystem::create_directory_symlink(outside.at(""), folder.at("d"));
    guest.system.put_text(path, "secret");
    CHECK(guest.system.call(SYS_openat, {fd, path, O_RDONLY}) == minus(Errno::enoent));
    CHECK(guest.call(SYS_open, "/in/d/secret", O_RDONLY) == minus(Errno::enoent));
    CHECK(guest.call(SYS_open, "/in/d/new", O_RDWR | O_CREAT, 0600) == minus(Errno::enoent));
    CHECK_FALSE(std::filesystem::exists(outside.at("new")));
}

TEST_CASE("names that come and go leave nothing in memory") {
    HostFolder folder;
    Guest guest(folder.at("") + ":/in:rw");
    for (int i = 0; i < 500; ++i) {
        const std::string name = "/in/" + std::to_string(i);
        guest.system.call(SYS_close, {guest.open(name, O_RDWR | O_CREAT | O_EXCL)});
        CHECK(guest.call(SYS_unlink, name) == 0);
    }
    CHECK(std::filesystem::is_empty(folder.at("")));
    guest.open("/in/a", O_RDWR | O_CREAT);
    CHECK(guest.two(SYS_rename, "/in/a", "/tmp/a") == minus(Errno::exdev));
    CHECK(guest.two(SYS_link, "/in/a", "/tmp/a") == minus(Errno::exdev));
    CHECK(guest.call(SYS_open, "/in", O_TMPFILE | O_RDWR, 0600) == minus(Errno::eopnotsupp));
}

TEST_CASE("--root: what is written leaves RAM and comes back, and ends where the budget does") {
    HostFolder folder;
    constexpr std::uint64_t host_pages = 300, ram_pages = 256;
    folder.put("large", std::string(host_pages * page_size, 'h'));
    Guest guest(folder);
    const std::uint64_t fd = guest.open("/large", O_RDWR);
    std::uint64_t written = 0;
    // Every second page, so that what is the host's and what is ours lie side by side.
    for (std::uint64_t page = 0; page < host_pages; page += 2, ++written) {
        guest.system.put(buffer, page);
        REQUIRE(guest.system.call(SYS_pwrite64, {fd, buffer, 8, page * page_size}) == 8);
    }
    for (std::uint64_t page = 0; page < host_pages; ++page) {
        REQUIRE(guest.system.call(SYS_pread64, {fd, buffer, 8, page * page_size}) == 8);
        const auto seen = guest.system.get<std::uint64_t>(buffer);
        REQUIRE(seen == (page % 2 == 0 ? page : 0x6868'6868'6868'6868));
    }
    std::int64_t got = 8;
    for (std::uint64_t page = host_pages; got == 8 && page < 10 * ram_pages; ++page, ++written) {
        got = guest.system.call(SYS_pwrite64, {fd, buffer, 8, page * page_size});
    }
    CHECK(got == minus(Errno::enospc));
    CHECK(written == ram_pages + 1);
    // What is cut off may be written again.
    CHECK(guest.system.call(SYS_ftruncate, {fd, 10}) == 0);
    CHECK(guest.system.call(SYS_pwrite64, {fd, buffer, 8, 20 * page_size}) == 8);
    CHECK(guest.system.call(SYS_pread64, {fd, buffer, 8, 10 * page_size}) == 8);
    CHECK(guest.system.get<std::uint64_t>(buffer) == 0);
    CHECK(folder.get("large") == std::string(host_pages * page_size, 'h'));
}

TEST_CASE("--root: trees that were moved, removed and made anew come apart at the end") {
    HostFolder folder;
    std::filesystem::create_directories(folder.at("a/b/c"));
    folder.put("a/b/file", "text");
    Guest guest(folder);
    CHECK(guest.call(SYS_mkdir, "/a/b/c/new", 0755) == 0);
    CHECK(guest.two(SYS_rename, "/a/b/c", "/c") == 0);
    CHECK(guest.two(SYS_rename, "/a", "/c/new/a") == 0);
    CHECK(guest.call(SYS_chdir, "/c/new/a/b") == 0);
    CHECK(guest.read("file") == "text");
    CHECK(guest.call(SYS_stat, "/a", buffer) == minus(Errno::enoent));
    CHECK(guest.call(SYS_mkdir, "/a", 0755) == 0);
    CHECK(guest.call(SYS_stat, "/a/b", buffer) == minus(Errno::enoent));
    CHECK(guest.two(SYS_rename, "/c", "/c/new/a/b/c") == minus(Errno::einval));
    CHECK(guest.call(SYS_unlink, "/c/new/a/b/file") == 0);
    CHECK(guest.two(SYS_link, "/c/new/a/b/file", "/file") == minus(Errno::enoent));
    guest.system.call(SYS_close, {guest.open("/c/new/a/b/own", O_RDWR | O_CREAT)});
    CHECK(guest.two(SYS_link, "/c/new/a/b/own", "/own") == 0);
    CHECK(folder.get("a/b/file") == "text");
    CHECK_FALSE(std::filesystem::exists(folder.at("c")));
}

TEST_CASE("--root: mount points are busy, /proc and /dev stay") {
    HostFolder folder;
    std::filesystem::create_directories(folder.at("proc/self"));
    folder.put("proc/version", "not this one");
    Guest guest(folder);
    CHECK(guest.read("/proc/version").starts_with("Linux version"));
    CHECK(guest.call(SYS_rmdir, "/proc") == minus(Errno::ebusy));
    CHECK(guest.two(SYS_rename, "/tmp", "/other") == minus(Errno::ebusy));
    CHECK(guest.call(SYS_open, "/dev/null", O_RDWR) == 0);
    CHECK(guest.two(SYS_link, "/dev/null", "/null") == minus(Errno::exdev));
}
