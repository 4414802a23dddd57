#include "lab/reuse_times.hpp"

#include <algorithm>
#include <iterator>

namespace fl::lab {

namespace {

// Sorted, each number once.
void tidy(CountedNumbers::Counts& counts) {
    std::sort(counts.begin(), counts.end());
    std::size_t end = 0;
    for (const auto& [number, count] : counts) {
        if (end > 0 && counts[end - 1].first == number) {
            counts[end - 1].second += count;
        } else {
            counts[end++] = {number, count};
        }
    }
    counts.resize(end);
}

}  // namespace

void CountedNumbers::add(std::uint64_t number, std::uint64_t count) {
    if (number < small) {
        small_[number] += count;
        return;
    }
    pending_.emplace_back(number, count);
    if (pending_.size() >= std::max(most_pending, large_.size())) merge();
}

void CountedNumbers::merge() {
    tidy(pending_);
    Counts both;
    both.reserve(large_.size() + pending_.size());
    std::merge(large_.begin(), large_.end(), pending_.begin(), pending_.end(), std::back_inserter(both));
    tidy(both);
    large_ = std::move(both);
    pending_.clear();
}

CountedNumbers::Counts CountedNumbers::take() {
    merge();
    Counts all;
    for (std::size_t number = 0; number < small_.size(); ++number)
        if (small_[number] != 0) all.emplace_back(number, small_[number]);
    all.insert(all.end(), large_.begin(), large_.end());
    return all;
}

ReuseTimes reuse_times(const ReferenceString& string) {
    ReuseTimes times;
    CountedNumbers again;
    CountedNumbers last;
    std::vector<std::uint64_t> last_uses(page_limit(string));  // by page, in references from 1; 0: none
    for (const Run& run : string) {
        std::uint64_t& last_use = last_uses[run.page];
        const std::uint64_t now = times.references + 1;
        if (run.is_reference()) {
            if (last_use == 0) {
                ++times.first_uses;
            } else {
                again.add(now - last_use);
            }
            if (run.count > 1) again.add(1, run.count - 1);
            times.references += run.count;
            last_use = times.references;
        } else if (run.is_gone() && last_use != 0) {
            last.add(now - last_use);
            last_use = 0;
        }
    }
    for (const std::uint64_t last_use : last_uses)
        if (last_use != 0) last.add(times.references + 1 - last_use);
    times.again = again.take();
    times.last = last.take();
    return times;
}

}  // namespace fl::lab
