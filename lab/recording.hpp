// Recording: a reference string in memory, with what is known about it.
#pragma once

#include "lab/recording_visitor.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace fl::lab {

struct Recording {
    std::vector<std::pair<std::string, std::string>> about{};
    ReferenceString string{};
    std::uint64_t fetches = 0, reads = 0, writes = 0;  // references
    std::uint64_t page_count = 0;                      // that ever were
    std::vector<PageOrigin> origins{};                 // by number: of the latest page that had it

    std::uint64_t references() const { return fetches + reads + writes; }
};

// Makes one from the events of a recording.
class RecordingBuilder final : public IdleVisitor {
public:
    void on_about(const std::string& key, const std::string& value) override;
    void on_touch(PageId page, Touch touch, std::uint64_t count) override;
    void on_page(PageId page, const PageOrigin& origin) override;
    void on_page_gone(PageId page) override;
    void on_page_needed(PageId page) override;

    Recording take() { return std::move(recording_); }

private:
    Recording recording_;
};

}  // namespace fl::lab
