// TextWriter: a reference string as TextReader reads it: the same pages, the same events.
//
// A page that was never more than a number is written as its number. All others are declared: "page %7 2 0x400 ..."
// says what page 7 is, and "%7" is a reference to it.
#pragma once

#include "lab/page_names.hpp"
#include "lab/trace_writer.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace fl::lab {

class TextWriter final : public TraceWriter, private RecordingVisitor {
public:
    explicit TextWriter(ByteSink sink) : out_(std::move(sink)) {}

    RecordingVisitor& visitor() override { return *this; }
    void finish() override;
    std::optional<int> error() const override { return out_.error(); }

private:
    struct Page {
        bool declared = false;
        std::uint64_t number = 0;  // of one that is not
    };

    void on_about(const std::string& key, const std::string& value) override;
    void on_touch(PageId page, Touch touch, std::uint64_t count) override;
    void on_page(PageId page, const PageOrigin& origin) override;
    void on_page_gone(PageId page) override;
    void on_page_needed(PageId page) override;
    void on_process(std::uint32_t process) override;
    void on_fork(std::uint32_t parent, std::uint32_t child) override;
    void on_exec(std::uint32_t process, const std::string& path) override;
    void on_exit(std::uint32_t process) override;
    void on_map(const MappedRange& range) override;
    void on_unmap(std::uint32_t process, std::uint64_t first_page, std::uint64_t page_count) override;

    std::string name_of(PageId page) const;
    void declare(PageId page, const PageOrigin& origin);
    // The page that waits for its first use can be named by its number only if that is what comes next.
    void settle_waiting(PageId used);
    void event(const std::string& line);
    void end_line();

    SinkBuffer out_;
    std::size_t column_ = 0;  // of the line of references that is being written
    std::vector<Page> pages_;
    PageNames names_;  // of the pages that are not declared
    PageId waiting_ = replacement::no_page;
};

}  // namespace fl::lab
