// What the tests of recordings share: the events as text, and some of each kind.
#pragma once

#include "lab/recording_visitor.hpp"

#include <fmt/format.h>

#include <string>

namespace fl::lab {

// The events as text, a line each.
class Transcript final : public RecordingVisitor {
public:
    void on_about(const std::string& key, const std::string& value) override { say("about {}={}", key, value); }
    void on_touch(PageId page, Touch touch, std::uint64_t count) override {
        say("touch {} {} x{}", page, static_cast<int>(touch), count);
    }
    void on_page(PageId page, const PageOrigin& origin) override {
        say("page {} of {} at {} in '{}'", page, origin.process, origin.page_number, origin.file);
    }
    void on_page_gone(PageId page) override { say("gone {}", page); }
    void on_page_needed(PageId page) override { say("needed {}", page); }
    void on_process(std::uint32_t process) override { say("process {}", process); }
    void on_fork(std::uint32_t parent, std::uint32_t child) override { say("fork {} {}", parent, child); }
    void on_exec(std::uint32_t process, const std::string& path) override { say("exec {} {}", process, path); }
    void on_exit(std::uint32_t process) override { say("exit {}", process); }
    void on_map(const MappedRange& range) override {
        say("map {} {}+{} {} {} '{}'", range.process, range.first_page, range.page_count, range.protection,
            range.shared, range.name);
    }
    void on_unmap(std::uint32_t process, std::uint64_t first_page, std::uint64_t page_count) override {
        say("unmap {} {}+{}", process, first_page, page_count);
    }

    std::string text;

private:
    template <class... Arguments>
    void say(const char* format, const Arguments&... arguments) {
        text += fmt::format(fmt::runtime(format), arguments...) + "\n";
    }
};

inline void tell_everything(RecordingVisitor& to) {
    to.on_about("program", "./a program");
    to.on_process(2);
    to.on_exec(2, "/bin/a program");
    to.on_map({.process = 2, .first_page = 0x400, .page_count = 3, .protection = 5, .shared = true, .name = "/bin/a"});
    for (PageId page = 0; page < 20; ++page) {
        to.on_page(page, {2, 0x7fff'ffff'f000ULL + page, page % 2 == 0 ? "" : "/a"});
    }
    for (const std::uint64_t count : {1ULL, 2ULL, 3ULL, 4ULL, 5ULL, 131ULL, 132ULL, 1ULL << 40}) {
        to.on_touch(3, Touch::fetch, count);
    }
    // Near and far among the latest.
    for (unsigned i = 0; i < 400; ++i) to.on_touch(i * i % 20, static_cast<Touch>(i % 3), 1 + i % 7);
    to.on_fork(2, 3);
    to.on_page_needed(19);
    to.on_page_gone(7);
    to.on_page(7, {.process = 3, .page_number = ~std::uint64_t{0}, .file = {}});
    to.on_touch(7, Touch::write, 1);
    to.on_unmap(3, 1, 0x8'0000'0000);
    to.on_exit(0xffff'ffff);
}

}  // namespace fl::lab
