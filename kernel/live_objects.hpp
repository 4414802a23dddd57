// LiveObjects: what lives because a program asked for it. Once all processes have ended there is as much of it as
// before the first was made; what is left over is a leak of ours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace fl::kernel {

class Futexes;
class Processes;
class Scheduler;

struct LiveObjects {
    std::uint64_t tasks = 0;
    std::uint64_t processes = 0;  // zombies and process 1 included
    std::uint64_t queued = 0;     // in the scheduler: ready, or waiting for the host
    std::uint64_t timers = 0;
    std::uint64_t futex_waiters = 0;
    std::uint64_t open_files = 0;      // descriptions, not descriptors
    std::uint64_t inodes = 0;          // in memory, once no name keeps them: the caller's to set
    std::uint64_t frames = 0;          // beside those of slabs: the caller's to set
    std::uint64_t kernel_objects = 0;  // in slabs: the caller's to set
};

LiveObjects live_objects(const Processes& processes, const Scheduler& scheduler, const Futexes& futexes);

// One line for each number that is not as expected.
std::vector<std::string> leftovers(const LiveObjects& expected, const LiveObjects& found);

}  // namespace fl::kernel
