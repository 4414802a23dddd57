#include "mm/swap_device.hpp"

#include "tests/unit/mm/machine.hpp"

#include <cstdlib>
#include <filesystem>

namespace fl::mm {

using namespace test;

namespace {

using Page = std::array<std::byte, page_size>;

Page filled(unsigned value) {
    Page page;
    page.fill(static_cast<std::byte>(value));
    return page;
}

std::unique_ptr<SwapDevice> make_swap(const SwapOptions& options) {
    auto created = SwapDevice::create(options);
    REQUIRE_MESSAGE(created.has_value(), created.error());
    return *std::move(created);
}

// A folder that is gone afterwards.
struct Folder {
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "faultline-swap-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~Folder() { std::filesystem::remove_all(path); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::filesystem::path path;
};

}  // namespace

TEST_CASE("swap: a slot is in use while it has a frame or references") {
    const auto swap = make_swap({.slots = PageCount(3)});
    const auto first = swap->allocate(Pfn(7), 70);
    REQUIRE(first.has_value());
    CHECK_FALSE(first->loser.has_value());
    CHECK(swap->frame(first->slot) == Pfn(7));
    CHECK(swap->page_id(first->slot) == 70);
    CHECK(swap->references(first->slot) == 0);
    CHECK(swap->spare_slot_count() == PageCount(1));

    swap->add_reference(first->slot);
    swap->add_reference(first->slot);
    CHECK(swap->spare_slot_count() == PageCount(0));
    CHECK_FALSE(swap->untie(first->slot));
    CHECK_FALSE(swap->frame(first->slot).has_value());
    CHECK(swap->drop_reference(first->slot) == 1);
    CHECK(swap->used_slot_count() == PageCount(1));
    CHECK(swap->drop_reference(first->slot) == 0);
    CHECK(swap->used_slot_count() == PageCount(0));
    CHECK(swap->free_slot_count() == PageCount(3));
    CHECK(swap->spare_slot_count() == PageCount(0));

    // The other way round: the references first, then the frame.
    const auto second = swap->allocate(Pfn(8), 80);
    swap->add_reference(second->slot);
    CHECK(swap->drop_reference(second->slot) == 0);
    CHECK(swap->spare_slot_count() == PageCount(1));
    CHECK(swap->untie(second->slot));
    CHECK(swap->used_slot_count() == PageCount(0));
    CHECK(asserts([&] { (void)swap->references(second->slot); }));
}

TEST_CASE("swap: a page that comes back is tied to its slot again") {
    const auto swap = make_swap({.slots = PageCount(1)});
    const SwapSlot slot = swap->allocate(Pfn(7), 70)->slot;
    swap->add_reference(slot);
    (void)swap->untie(slot);
    swap->tie(slot, Pfn(9));
    CHECK(swap->frame(slot) == Pfn(9));
    CHECK(asserts([&] { swap->tie(slot, Pfn(10)); }));
    CHECK(swap->drop_reference(slot) == 0);
    CHECK(asserts([&] { (void)swap->drop_reference(slot); }));
}

TEST_CASE("swap: where all slots are in use, those that only frames refer to are taken in turn") {
    const auto swap = make_swap({.slots = PageCount(4)});
    std::vector<SwapSlot> slots;
    for (std::uint64_t i = 0; i < 4; ++i) slots.push_back(swap->allocate(Pfn(10 + i), 0)->slot);
    swap->add_reference(slots[1]);
    CHECK(swap->free_slot_count() == PageCount(0));
    std::vector<std::uint64_t> losers;
    for (std::uint64_t i = 0; i < 3; ++i) {
        const auto made = swap->allocate(Pfn(20 + i), 0);
        REQUIRE(made.has_value());
        REQUIRE(made->loser.has_value());
        losers.push_back(made->loser->value());
        swap->add_reference(made->slot);
        CHECK(swap->frame(made->slot) == Pfn(20 + i));
    }
    std::ranges::sort(losers);
    CHECK(losers == std::vector<std::uint64_t>{10, 12, 13});
    CHECK_FALSE(swap->allocate(Pfn(30), 0).has_value());
    CHECK(swap->used_slot_count() == PageCount(4));
    CHECK(swap->spare_slot_count() == PageCount(0));
}

TEST_CASE("swap: the page of a slot moves to another frame") {
    const auto swap = make_swap({.slots = PageCount(2)});
    const SwapSlot slot = swap->allocate(Pfn(5), 1)->slot;
    swap->move_tie(slot, Pfn(9));
    CHECK(swap->frame(slot) == Pfn(9));
    swap->add_reference(slot);
    CHECK_FALSE(swap->untie(slot));
    CHECK(asserts([&] { swap->move_tie(slot, Pfn(5)); }));
}

TEST_CASE("swap: no slots, and nearly full") {
    const auto none = make_swap({.slots = PageCount(0)});
    CHECK_FALSE(none->allocate(Pfn(1), 0).has_value());
    CHECK_FALSE(none->is_nearly_full());
    const auto swap = make_swap({.slots = PageCount(4)});
    for (std::uint64_t i = 0; i < 3; ++i) {
        CHECK_FALSE(swap->is_nearly_full());
        (void)swap->allocate(Pfn(1 + i), 0);
    }
    CHECK(swap->is_nearly_full());
}

TEST_CASE("swap: bytes in memory and in a file of the host's") {
    const Folder folder;
    const std::string path = (folder.path / "swap").string();
    for (const std::string& file : {std::string(), path}) {
        CAPTURE(file);
        const auto swap = make_swap({.slots = PageCount(5), .file = file});
        CHECK(swap->file() == file);
        std::vector<SwapSlot> slots;
        for (unsigned i = 0; i < 5; ++i) {
            slots.push_back(swap->allocate(Pfn(1 + i), i)->slot);
            CHECK(swap->write(slots[i], filled(1 + i)).has_value());
        }
        CHECK(swap->write(slots[2], filled(30)).has_value());
        for (unsigned i = 0; i < 5; ++i) {
            Page page{};
            CHECK(swap->read(slots[i], page).has_value());
            CHECK(page == filled(i == 2 ? 30 : 1 + i));
        }
        CHECK(swap->counters().writes == 6);
        CHECK(swap->counters().reads == 5);
        Page page{};
        CHECK(swap->peek(slots[4], page).has_value());
        CHECK(page == filled(5));
        CHECK(swap->counters().reads == 5);
    }
    CHECK(std::filesystem::file_size(path) == 5 * page_size);
}

TEST_CASE("swap: a file that cannot be had is named") {
    const Folder folder;
    const std::string path = (folder.path / "none" / "swap").string();
    const auto created = SwapDevice::create({.slots = PageCount(1), .file = path});
    REQUIRE_FALSE(created.has_value());
    CHECK(created.error() == path + ": cannot be opened: No such file or directory");
}

TEST_CASE("swap: a file that loses its end cannot be read, and all else can") {
    const Folder folder;
    const std::string path = (folder.path / "swap").string();
    const auto swap = make_swap({.slots = PageCount(2), .file = path});
    const SwapSlot first = swap->allocate(Pfn(1), 0)->slot, second = swap->allocate(Pfn(2), 0)->slot;
    CHECK(swap->write(first, filled(1)).has_value());
    CHECK(swap->write(second, filled(2)).has_value());
    std::filesystem::resize_file(path, page_size + 100);
    Page page{};
    CHECK(outcome(swap->read(second, page)) == "EIO");
    CHECK(outcome(swap->read(first, page)) == "ok");
    CHECK(swap->counters().read_errors == 1);
}

TEST_CASE("swap: every n-th transfer fails where that is asked for, and leaves the bytes as they were") {
    const auto swap = make_swap({.slots = PageCount(1), .errors = {.every_read = 3, .every_write = 2}});
    const SwapSlot slot = swap->allocate(Pfn(1), 0)->slot;
    Page page{};
    CHECK(outcome(swap->write(slot, filled(1))) == "ok");
    CHECK(outcome(swap->write(slot, filled(2))) == "EIO");
    CHECK(outcome(swap->read(slot, page)) == "ok");
    CHECK(page == filled(1));
    CHECK(outcome(swap->write(slot, filled(3))) == "ok");
    CHECK(outcome(swap->write(slot, filled(4))) == "EIO");
    CHECK(outcome(swap->read(slot, page)) == "ok");
    CHECK(page == filled(3));
    CHECK(outcome(swap->read(slot, page)) == "EIO");
    CHECK(outcome(swap->peek(slot, page)) == "ok");
    CHECK(swap->counters().write_errors == 2);
    CHECK(swap->counters().read_errors == 1);
}

}  // namespace fl::mm
