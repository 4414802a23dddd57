#include "lab/recording.hpp"

#include <algorithm>

namespace fl::lab {

void RecordingBuilder::on_about(const std::string& key, const std::string& value) {
    recording_.about.emplace_back(key, value);
}

void RecordingBuilder::on_touch(PageId page, Touch touch, std::uint64_t count) {
    (touch == Touch::fetch ? recording_.fetches : touch == Touch::read ? recording_.reads : recording_.writes) += count;
    const Access access = touch == Touch::write ? Access::write : Access::read;
    while (count > 0) {
        const std::uint64_t now = std::min<std::uint64_t>(count, Run::max_count);
        append(recording_.string, Run(page, access, static_cast<std::uint32_t>(now)));
        count -= now;
    }
}

void RecordingBuilder::on_page(PageId page, const PageOrigin& origin) {
    ++recording_.page_count;
    if (recording_.origins.size() <= page) recording_.origins.resize(page + std::size_t{1});
    recording_.origins[page] = origin;
}

void RecordingBuilder::on_page_gone(PageId page) { recording_.string.push_back(Run::gone(page)); }

void RecordingBuilder::on_page_needed(PageId page) { recording_.string.push_back(Run::needed(page)); }

}  // namespace fl::lab
