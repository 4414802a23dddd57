// What reclaim did to a page, in a few words for people.
#pragma once

#include "mm/reclaim_event.hpp"

#include <string>
#include <string_view>

namespace fl::trace {

// "dirty", "clean"; "drop" for what was given up for good.
std::string_view eviction_state(const mm::EvictionEvent& event);
// Where it went, how long it had been there, whose it was, for whom it went.
std::string eviction_text(const mm::EvictionEvent& event);

// "ahead", "failed".
std::string_view write_back_state(const mm::WriteBackEvent& event);
// The same of a page that was written and stays.
std::string write_back_text(const mm::WriteBackEvent& event);

}  // namespace fl::trace
