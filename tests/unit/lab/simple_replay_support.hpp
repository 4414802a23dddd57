// A second replay that is written to be seen right, not to be fast: one reference at a time, sets and maps, every
// policy checked; OPT looks ahead along the string at each fault.
#pragma once

#include "lab/replay.hpp"

#include <string>
#include <vector>

namespace fl::lab {

// What a replay did, in order: "fault 3 page 7", "evict 3 page 2 dirty".
struct ReplayStory {
    ReplayCounts counts;
    std::vector<std::string> events;
};

ReplayStory simple_replay(const ReferenceString& string, const replacement::PolicyChoice& policy,
                          const ReplayOptions& options);

// Writes the story of another replay.
class StoryTeller final : public ReplayObserver {
public:
    void on_fault(std::uint64_t time, PageId page) override;
    void on_eviction(std::uint64_t time, PageId page, bool dirty) override;
    std::vector<std::string> events;
};

}  // namespace fl::lab
