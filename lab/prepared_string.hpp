// PreparedString: a reference string and what replays of it need beforehand: computed once, shared by all of them, on
// any number of threads. The string must stay as it is, and outlive this.
#pragma once

#include "lab/occurrences.hpp"
#include "lab/reference_string.hpp"

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

namespace fl::lab {

// Whether replays may ask for the index of occurrences: it pays where there are several of one string.
enum class Indexing : std::uint8_t { only_for_opt, always };

class PreparedString {
public:
    explicit PreparedString(const ReferenceString& string, Indexing indexing = Indexing::always)
        : string_(string), page_limit_(lab::page_limit(string)), indexing_(indexing) {}
    PreparedString(const PreparedString&) = delete;
    PreparedString& operator=(const PreparedString&) = delete;
    ~PreparedString() = default;

    const ReferenceString& string() const { return string_; }
    std::size_t page_limit() const { return page_limit_; }
    Indexing indexing() const { return indexing_; }
    // Made by the first who asks.
    const Occurrences& occurrences() const {
        std::call_once(occurrences_made_, [this] { occurrences_.emplace(string_, page_limit_); });
        return *occurrences_;
    }

private:
    const ReferenceString& string_;
    std::size_t page_limit_;
    Indexing indexing_;
    mutable std::once_flag occurrences_made_;
    mutable std::optional<Occurrences> occurrences_;
};

}  // namespace fl::lab
