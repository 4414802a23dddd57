// Replay: a reference string under one policy at one number of frames, as if it ran on hardware that sets accessed and
// dirty bits.
#pragma once

#include "lab/reference_string.hpp"
#include "mm/replacement/registry.hpp"

#include <tl/expected.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace fl::lab {

struct ReplayCounts {
    std::uint64_t references = 0;
    std::uint64_t faults = 0;    // first touches included
    std::uint64_t refaults = 0;  // faults on pages that were resident before
    std::uint64_t clean_evictions = 0;
    std::uint64_t dirty_evictions = 0;  // each costs a write
    std::uint64_t write_backs = 0;      // writes ahead of time, by policies that do so
    // Resident pages after each reference, summed up; divided by `references` it is the memory used on average.
    std::uint64_t resident_sum = 0;

    std::uint64_t hits() const { return references - faults; }
    std::uint64_t evictions() const { return clean_evictions + dirty_evictions; }
    friend bool operator==(const ReplayCounts&, const ReplayCounts&) = default;
};

// Told of what happens, in order. `time` is the number of the reference, from 1.
class ReplayObserver {
public:
    virtual void on_fault(std::uint64_t /*time*/, PageId /*page*/) {}
    virtual void on_eviction(std::uint64_t /*time*/, PageId /*page*/, bool /*dirty*/) {}
    // The page existed, resident or not, and does no more.
    virtual void on_gone(PageId /*page*/) {}
    // In this run of the string the policy is asked next who leaves.
    virtual void on_question(const replacement::Policy& /*policy*/, std::size_t /*run*/) {}

protected:
    ~ReplayObserver() = default;
};

// Whose word is believed when it names a page: nobody's, or that of built-in policies.
enum class Checks : std::uint8_t { off, on, built_in_off };

// What a replay's time grows with: counts and events are the same. Policies that must be told of every hit as it comes
// always cost by the reference.
enum class CostFollows : std::uint8_t {
    references,
    faults  // and the pages of chunks without any, where the string has chunks
};

struct ReplayOptions {
    std::uint32_t frames = 1;  // 1 or more
    std::uint64_t seed = 0;
    Checks checks = Checks::built_in_off;
    CostFollows cost = CostFollows::faults;
    ReplayObserver* observer = nullptr;
};

class PreparedString;

// For every policy, `opt` as well. The error is one line: what the policy did wrong, or that it could not be made.
tl::expected<ReplayCounts, std::string> replay(const PreparedString& string, const replacement::PolicyChoice& policy,
                                               const ReplayOptions& options);
// For one replay of a string; where there are several they share a PreparedString.
tl::expected<ReplayCounts, std::string> replay(const ReferenceString& string, const replacement::PolicyChoice& policy,
                                               const ReplayOptions& options);

}  // namespace fl::lab
