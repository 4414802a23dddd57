// Recorder: what a machine tells, as the events of a recording.
#include "lab/recorder.hpp"

#include <doctest/doctest.h>

#include <string>

namespace fl::lab {

namespace {

class Words final : public IdleVisitor {
public:
    void on_touch(PageId page, Touch touch, std::uint64_t count) override {
        constexpr const char* letters = "irw";
        text += " " + std::to_string(page) + letters[static_cast<int>(touch)] + "*" + std::to_string(count);
    }
    void on_page(PageId page, const PageOrigin& origin) override {
        text += " page" + std::to_string(page) + "@" + std::to_string(origin.process) + ":" +
                std::to_string(origin.page_number);
    }
    void on_page_gone(PageId page) override { text += " gone" + std::to_string(page); }
    void on_page_needed(PageId page) override { text += " held" + std::to_string(page); }
    void on_process(std::uint32_t process) override { text += " process" + std::to_string(process); }

    std::string text;
};

mm::PageName private_page(std::uint32_t id, std::uint64_t number) {
    return {.id = id, .owner = 2, .address = VirtAddr(number * page_size), .file = nullptr};
}

}  // namespace

TEST_CASE("recorder: pages are numbered from 0 as they appear, and the lowest free number comes first") {
    Words words;
    Recorder recorder(words);
    recorder.on_page(private_page(17, 0x400));
    recorder.on_page_reference(17, emu::Access::read, 1);
    recorder.on_page(private_page(3, 0x401));
    recorder.on_page_reference(3, emu::Access::write, 1);
    recorder.on_page(private_page(90, 0x402));
    CHECK(recorder.number_of(90) == 2);
    recorder.on_page_gone(3);
    recorder.on_page_gone(17);
    CHECK(recorder.number_of(17) == replacement::no_page);
    recorder.on_page(private_page(5, 0x403));
    CHECK(recorder.number_of(5) == 0);
    recorder.on_page(private_page(6, 0x404));
    CHECK(recorder.number_of(6) == 1);
    CHECK(recorder.number_of(1000) == replacement::no_page);
    CHECK(words.text == " page0@2:1024 0r*1 page1@2:1025 1w*1 page2@2:1026 gone1 gone0 page0@2:1027 page1@2:1028");
}

TEST_CASE("recorder: references in a row are one, until something else happens") {
    Words words;
    Recorder recorder(words);
    recorder.on_page(private_page(1, 1));
    recorder.on_page(private_page(2, 2));
    recorder.on_page_reference(1, emu::Access::execute, 1);
    recorder.on_page_reference(1, emu::Access::execute, 0xffff'ffff);
    recorder.on_page_reference(1, emu::Access::read, 2);
    recorder.on_page_reference(2, emu::Access::read, 1);
    recorder.on_address_space(7);
    recorder.on_page_reference(2, emu::Access::read, 1);
    recorder.on_page_held(2);
    recorder.on_page_reference(1, emu::Access::write, 1);
    CHECK(recorder.references() == 0xffff'ffffULL + 6);
    const std::string before = " page0@2:1 page1@2:2 0i*4294967296 0r*2 1r*1 process7 1r*1 held1";
    CHECK(words.text == before);
    recorder.finish();
    CHECK(words.text == before + " 0w*1");
}

}  // namespace fl::lab
