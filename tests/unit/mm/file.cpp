#include "mm/file.hpp"

#include "tests/unit/mm/machine.hpp"

namespace fl::mm {

using test::numbered_pages;
using test::outcome;

namespace {

struct Files {
    explicit Files(std::uint64_t frames = 16) : ram(test::make_ram(frames)), memory(ram), registry(memory) {}

    std::shared_ptr<File> open(std::vector<std::byte> bytes) {
        return registry.open(memory_file_source(std::move(bytes)), FileIdentity{.path = "/a"});
    }
    PageCount free_frames() const { return memory.buddy().free_page_count(); }
    std::string broken() const {
        std::string text;
        for (const auto& line : verify(memory, {}, registry.files())) text += line + "\n";
        return text;
    }

    emu::Ram ram;
    PhysicalMemory memory;
    FileRegistry registry;
};

class BrokenSource final : public FileSource {
public:
    std::uint64_t size_bytes() const override { return 3 * page_size; }
    Result<void> read(std::uint64_t offset, std::span<std::byte>) const override {
        if (offset == page_size) return fail(Errno::eio);
        return {};
    }
};

}  // namespace

TEST_CASE("file: a page is read once, and the same frame is found from then on") {
    Files files;
    const auto file = files.open(numbered_pages(3 * page_size));
    CHECK(file->page_count() == PageCount(3));
    CHECK_FALSE(file->cached(1).has_value());
    const Pfn pfn = file->read_page(1).value();
    CHECK(file->cached(1) == pfn);
    CHECK(file->read_page(1) == pfn);
    CHECK(file->cached_page_count() == PageCount(1));
    CHECK(files.ram.frame(pfn)[0] == std::byte{2});
    CHECK(files.ram.frame(pfn)[page_size - 1] == std::byte{2});
    const Frame& frame = files.memory.frames()[pfn];
    CHECK(frame.state == FrameState::file_cache);
    CHECK(frame.anchor.owner() == file.get());
    CHECK(frame.anchor.index() == 1);
    CHECK(frame.reference_count == 1);
    CHECK(files.broken() == "");
}

TEST_CASE("file: the last page reads as zeroes behind the file's end, even in a frame with a past") {
    for (const std::uint64_t size : {std::uint64_t{1}, page_size - 1, page_size, page_size + 1, 2 * page_size}) {
        CAPTURE(size);
        Files files;
        const Pfn dirty = files.memory.allocate(FrameState::anonymous, Fill::zeroed).value();
        std::fill(files.ram.frame(dirty).begin(), files.ram.frame(dirty).end(), std::byte{0xaa});
        files.memory.release(dirty);

        const auto file = files.open(numbered_pages(size));
        const std::uint64_t last = file->page_count().value() - 1;
        CHECK(last == (size - 1) / page_size);
        const Pfn pfn = file->read_page(last).value();
        CHECK(pfn == dirty);
        for (std::uint64_t i = 0; i < page_size; ++i) {
            const bool inside = last * page_size + i < size;
            REQUIRE(files.ram.frame(pfn)[i] == (inside ? static_cast<std::byte>(1 + last) : std::byte{0}));
        }
    }
}

TEST_CASE("file: an empty file has no pages") {
    Files files;
    const auto file = files.open({});
    CHECK(file->page_count() == PageCount(0));
    CHECK(test::asserts([&] { (void)file->read_page(0); }));
}

TEST_CASE("file: a page that cannot be read is EIO, and its frame goes back") {
    Files files;
    const auto file = files.registry.open(std::make_unique<BrokenSource>(), FileIdentity{.path = "/bad"});
    CHECK(outcome(file->read_page(0)) == "ok");
    const PageCount free_before = files.free_frames();
    CHECK(outcome(file->read_page(1)) == "EIO");
    CHECK_FALSE(file->cached(1).has_value());
    CHECK(files.free_frames() == free_before);
    CHECK(outcome(file->read_page(2)) == "ok");
    CHECK(files.broken() == "");
}

TEST_CASE("file: without a frame the read is ENOMEM and nothing is cached") {
    Files files;
    const auto file = files.open(numbered_pages(2 * page_size));
    files.memory.buddy().fail_after(0);
    CHECK(outcome(file->read_page(0)) == "ENOMEM");
    CHECK(file->cached_page_count() == PageCount(0));
    files.memory.buddy().fail_after(std::nullopt);
    CHECK(outcome(file->read_page(0)) == "ok");
    CHECK(files.broken() == "");
}

TEST_CASE("file: pages that somebody maps or holds are not dropped") {
    Files files;
    const auto file = files.open(numbered_pages(4 * page_size));
    for (std::uint64_t i = 0; i < 4; ++i) REQUIRE(file->read_page(i).has_value());
    const Pfn mapped = *file->cached(1);
    files.memory.add_reference(mapped);
    files.memory.frames().add_mapping(mapped, nullptr);
    const Pfn held = *file->cached(2);
    files.memory.add_reference(held);

    CHECK(file->drop_unmapped_pages() == PageCount(2));
    CHECK(file->cached(1) == mapped);
    CHECK(file->cached(2) == held);
    CHECK_FALSE(file->cached(0).has_value());
    CHECK_FALSE(file->cached(3).has_value());
    CHECK(file->drop_unmapped_pages() == PageCount(0));

    files.memory.frames().drop_mapping(mapped);
    files.memory.release(mapped);
    files.memory.release(held);
    CHECK(file->drop_unmapped_pages() == PageCount(2));
    CHECK(files.broken() == "");
}

TEST_CASE("file: memory that is shared has no other copy, so that it is never dropped") {
    Files files;
    const auto file =
        files.registry.create(FileIdentity{.path = "/dev/zero (deleted)"}, FileKind::shared_memory, 2 * page_size);
    const Pfn pfn = file->read_page(0).value();
    CHECK(files.memory.frames()[pfn].state == FrameState::shared_memory);
    CHECK(files.ram.frame(pfn)[17] == std::byte{0});
    CHECK(file->drop_unmapped_pages() == PageCount(0));
    CHECK(files.registry.shrink() == PageCount(0));
    CHECK(file->cached(0) == pfn);
    CHECK(files.broken() == "");
}

TEST_CASE("file: when memory runs out, clean pages of all files make room") {
    Files files(16);
    const auto a = files.open(numbered_pages(5 * page_size));
    const auto b = files.open(numbered_pages(20 * page_size));
    for (std::uint64_t i = 0; i < 5; ++i) REQUIRE(a->read_page(i).has_value());
    // 14 frames for 25 pages: every read works, at the others' cost.
    for (std::uint64_t i = 0; i < 20; ++i) {
        const auto pfn = b->read_page(i);
        REQUIRE(pfn.has_value());
        CHECK(files.ram.frame(*pfn)[0] == static_cast<std::byte>(1 + i));
    }
    CHECK(a->cached_page_count() + b->cached_page_count() < PageCount(15));
    CHECK(files.broken() == "");
}

TEST_CASE("file: the last user of a file gives its pages back; the registry does not keep it alive") {
    Files files;
    const PageCount free_before = files.free_frames();
    auto file = files.open(numbered_pages(3 * page_size));
    const std::uint32_t id = file->id();
    for (std::uint64_t i = 0; i < 3; ++i) REQUIRE(file->read_page(i).has_value());
    CHECK(files.registry.files().size() == 1);
    file.reset();
    CHECK(files.free_frames() == free_before);
    CHECK(files.registry.files().empty());
    CHECK(files.open({})->id() != id);
}

TEST_CASE("file: read past the end gives zeroes") {
    const auto source = memory_file_source(numbered_pages(10));
    std::vector<std::byte> into(8, std::byte{0xff});
    REQUIRE(source->read(6, into).has_value());
    CHECK(into == std::vector<std::byte>{std::byte{1}, std::byte{1}, std::byte{1}, std::byte{1}, {}, {}, {}, {}});
    REQUIRE(source->read(1000, into).has_value());
    CHECK(into == std::vector<std::byte>(8));
}

}  // namespace fl::mm
