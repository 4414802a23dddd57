#include "lab/hardware.hpp"

namespace fl::lab {

void Hardware::begin_to_lag() {
    if (places_.empty()) places_.resize(string_.page_limit());
    for (PageId page = 0; page < places_.size(); ++page) move_place(page, run_);
    lags_ = true;
}

void Hardware::stop_lagging() {
    for (PageId page = 0; page < places_.size(); ++page)
        if (resident(page)) catch_up(page, run_);
    lags_ = false;
}

void Hardware::move_place(PageId page, std::size_t run) const {
    const Occurrences& occurrences = string_.occurrences();
    const auto limit = static_cast<std::uint32_t>(run);
    Place& place = places_[page];
    place.all = count_below(occurrences.of(page), limit, place.all);
    place.writes = count_below(occurrences.writes_of(page), limit, place.writes);
}

void Hardware::catch_up(PageId page, std::size_t run) const {
    const Place before = places_[page];
    move_place(page, run);
    const Place now = places_[page];
    if (now.writes != before.writes) flags_[page] |= accessed_flag | dirty_flag;
    const std::span<const std::uint32_t> all = string_.occurrences().of(page);
    for (std::uint32_t i = now.all; i > before.all && (flags_[page] & accessed_flag) == 0; --i)
        if (string_.string()[all[i - 1]].is_reference()) flags_[page] |= accessed_flag;
}

}  // namespace fl::lab
