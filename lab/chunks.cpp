#include "lab/chunks.hpp"

#include <algorithm>
#include <limits>

namespace fl::lab {

// One chunk in the making.
class Chunks::Sum {
public:
    explicit Sum(std::size_t page_limit) : indices_(page_limit, none) {}

    void add(const Run& run) {
        if (!run.is_reference()) is_whole_ = false;
        add(PageId{run.page}, run.access == Access::write, run.count, references_ + run.count);
        references_ += run.count;
    }
    void add(const Chunk& part) {
        for (const Use& use : part.uses) add(PageId{use.page}, use.written != 0, use.count, references_ + use.last);
        references_ += part.references;
    }
    void spoil() { is_whole_ = false; }

    // Adds it to the level and starts anew.
    void finish(Level& level) {
        if (references_ > std::numeric_limits<std::uint32_t>::max()) is_whole_ = false;
        for (const Use& use : uses_) indices_[use.page] = none;
        if (is_whole_) {
            std::sort(uses_.begin(), uses_.end(), [](const Use& a, const Use& b) { return a.last < b.last; });
            level.uses.insert(level.uses.end(), uses_.begin(), uses_.end());
        }
        level.places.push_back({level.uses.size(), is_whole_ ? static_cast<std::uint32_t>(references_) : 0});
        uses_.clear();
        references_ = 0;
        is_whole_ = true;
    }

private:
    static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

    // Numbers that are too large make no whole chunk, so that it does not matter what is kept of them.
    void add(PageId page, bool written, std::uint32_t count, std::uint64_t last) {
        std::uint32_t& index = indices_[page];
        if (index == none) {
            index = static_cast<std::uint32_t>(uses_.size());
            uses_.push_back({page & (most_pages - 1), 0, 0, 0});
        }
        Use& use = uses_[index];
        use.written |= written ? 1U : 0U;
        use.count += count;
        use.last = static_cast<std::uint32_t>(last);
    }

    std::vector<std::uint32_t> indices_;  // by page, into uses_
    std::vector<Use> uses_;
    std::uint64_t references_ = 0;
    bool is_whole_ = true;
};

Chunks::Chunks(const ReferenceString& string, std::size_t page_limit) {
    if (page_limit > most_pages) return;
    Sum sum(page_limit);
    for (std::size_t run = 0; run + shortest <= string.size(); run += shortest) {
        for (std::size_t i = run; i < run + shortest; ++i) sum.add(string[i]);
        sum.finish(levels_[0]);
    }
    for (unsigned level = 1; level < level_count; ++level) {
        const std::size_t part = length(level - 1);
        for (std::size_t run = 0; run + length(level) <= string.size(); run += length(level)) {
            for (std::size_t at_run = run; at_run < run + length(level); at_run += part) {
                if (const auto chunk = at(level - 1, at_run)) {
                    sum.add(*chunk);
                } else {
                    sum.spoil();
                }
            }
            sum.finish(levels_[level]);
        }
    }
    for (Level& level : levels_) level.uses.shrink_to_fit();
}

}  // namespace fl::lab
