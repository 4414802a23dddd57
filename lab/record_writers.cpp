#include "lab/record_writers.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <numeric>
#include <utility>

namespace fl::lab {

static_assert(std::endian::native == std::endian::little);

void RecordWriter::on_page(PageId page, const PageOrigin& origin) {
    if (appeared_.size() <= page) appeared_.resize(page + std::size_t{1});
    appeared_[page] = static_cast<std::uint32_t>(page_numbers_.size());
    page_numbers_.push_back(origin.page_number);
}

void RecordWriter::on_touch(PageId page, Touch /*touch*/, std::uint64_t count) {
    constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
    const std::uint32_t appeared = appeared_[page];
    if (!runs_.empty() && runs_.back().page == appeared && runs_.back().count + count <= most) {
        runs_.back().count += static_cast<std::uint32_t>(count);
        return;
    }
    for (; count > 0; count -= std::min(count, most)) {
        runs_.push_back({appeared, static_cast<std::uint32_t>(std::min(count, most))});
    }
}

void RecordWriter::finish() {
    number_pages();
    const std::vector<std::int64_t> next = next_uses();
    std::int64_t request = 0;
    for (std::size_t i = 0; i < runs_.size(); ++i) {
        const std::uint64_t number = page_numbers_[runs_[i].page];
        for (std::uint32_t left = runs_[i].count; left > 0 && !error(); --left) {
            ++request;
            put(number, left > 1 ? request + 1 : next[i]);
        }
    }
    out_.flush();
}

void RecordWriter::number_pages() {
    std::vector<std::uint64_t> sorted = page_numbers_;
    std::sort(sorted.begin(), sorted.end());
    if (std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end()) return;
    std::iota(page_numbers_.begin(), page_numbers_.end(), std::uint64_t{0});
}

std::vector<std::int64_t> RecordWriter::next_uses() const {
    constexpr std::int64_t never = -1;
    if (shape_ == Shape::u64) return std::vector<std::int64_t>(runs_.size(), never);
    std::vector<std::int64_t> next(runs_.size());
    std::vector<std::int64_t> following(page_numbers_.size(), never);  // the first use behind, by page
    std::int64_t request = 1;
    for (const Run& run : runs_) request += run.count;
    for (std::size_t i = runs_.size(); i-- > 0;) {
        request -= runs_[i].count;
        next[i] = std::exchange(following[runs_[i].page], request);
    }
    return next;
}

void RecordWriter::put(std::uint64_t page_number, std::int64_t next_use) {
    constexpr std::uint32_t page_bytes = 4096;
    std::array<char, 24> record{};
    const auto set = [&](std::size_t at, const auto& value) { std::memcpy(record.data() + at, &value, sizeof value); };
    if (shape_ == Shape::u64) {
        set(0, page_number);
        return out_.put({record.data(), sizeof page_number});
    }
    set(4, page_number);
    set(12, page_bytes);
    set(16, next_use);
    out_.put({record.data(), record.size()});
}

}  // namespace fl::lab
