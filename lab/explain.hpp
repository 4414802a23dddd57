// What a policy did with a string at one number of frames, eviction by eviction, beside what OPT does there.
#pragma once

#include "lab/prepared_string.hpp"
#include "lab/replay.hpp"

#include <tl/expected.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fl::lab {

struct ExplainOptions {
    std::uint32_t frames = 1;
    std::uint64_t seed = 0;
    std::uint64_t from = 1;    // evictions at this reference or later
    std::uint64_t count = 20;  // so many of them at most
};

// Distances are in references; nullopt: never.
struct ExplainedEviction {
    std::uint64_t number = 0;                // of all evictions, from 1
    std::uint64_t time = 0;                  // the number of the reference
    PageId incoming = replacement::no_page;  // no_page: nothing came, the policy let go of a page
    PageId victim = 0;
    std::string state{};        // what the policy said of itself before
    std::string description{};  // and of the victim
    bool dirty = false;
    std::uint64_t resident_for = 0;
    std::uint64_t last_use_ago = 0;
    std::optional<std::uint64_t> next_use_in{};
    // The page with the farthest next use of those that the policy had, OPT's choice: of equal ones the victim.
    PageId best = 0;
    std::optional<std::uint64_t> best_next_use_in{};
    bool lost = false;  // OPT has no fault here
};

struct Explanation {
    std::vector<ExplainedEviction> evictions{};
    ReplayCounts counts{};
    ReplayCounts opt_counts{};
    // The references of the policy's faults that OPT does not have, of all the string; and how many of OPT's faults the
    // policy does not have.
    std::vector<std::uint64_t> lost_at{};
    std::uint64_t won = 0;
};

// The string is played three times. The error is replay()'s.
tl::expected<Explanation, std::string> explain(const PreparedString& string, const replacement::PolicyChoice& policy,
                                               const ExplainOptions& options);

}  // namespace fl::lab
