// PreparedString: a reference string and what replays of it need beforehand: computed once, shared by all of them, on
// any number of threads. The string must stay as it is, and outlive this.
#pragma once

#include "lab/chunks.hpp"
#include "lab/occurrences.hpp"
#include "lab/reference_string.hpp"

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

namespace fl::lab {

// Whether replays may ask for chunks: making them pays where there are several replays of one string.
enum class Chunking : std::uint8_t { off, on };

class PreparedString {
public:
    explicit PreparedString(const ReferenceString& string, Chunking chunking = Chunking::on)
        : string_(string), page_limit_(lab::page_limit(string)), chunking_(chunking) {}
    PreparedString(const PreparedString&) = delete;
    PreparedString& operator=(const PreparedString&) = delete;
    ~PreparedString() = default;

    const ReferenceString& string() const { return string_; }
    std::size_t page_limit() const { return page_limit_; }
    // Made by the first who asks.
    const Occurrences& occurrences() const {
        std::call_once(occurrences_made_, [this] { occurrences_.emplace(string_, page_limit_); });
        return *occurrences_;
    }
    // The same; nullptr: replays do without.
    const Chunks* chunks() const {
        if (chunking_ == Chunking::off) return nullptr;
        std::call_once(chunks_made_, [this] { chunks_.emplace(string_, page_limit_); });
        return &*chunks_;
    }

private:
    const ReferenceString& string_;
    std::size_t page_limit_;
    Chunking chunking_;
    mutable std::once_flag occurrences_made_;
    mutable std::optional<Occurrences> occurrences_;
    mutable std::once_flag chunks_made_;
    mutable std::optional<Chunks> chunks_;
};

}  // namespace fl::lab
