// What a trace has beside faults and reclaim: processes and their mappings. (How memory is used at one moment is
// mm::MemorySample.)
#pragma once

#include "emu/address.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace fl::trace {

struct TaskEvent {
    enum class Kind : std::uint8_t {
        fork,  // `parent` has made `pid`, by fork(2), vfork(2) or clone(2)
        exec,  // `pid` is about to load `path`
        exit,  // `pid` is over
    };
    Kind kind{};
    std::uint64_t time_ns = 0;
    std::uint32_t pid = 0;
    std::uint32_t parent = 0;  // fork
    std::string path;          // exec: as the call was given it
    int status = 0;            // exit: 128 + signal where a signal ended it
    int signal = 0;            // exit; 0: none did
    friend bool operator==(const TaskEvent&, const TaskEvent&) = default;
};

// "fork", "exec", "exit".
const char* task_event_name(TaskEvent::Kind kind);

// A VMA, for as much as a trace tells of it.
struct Mapping {
    VirtRange range;
    std::string protection;  // "rwxp"
    std::string name;        // as in /proc/PID/maps; empty for anonymous memory
    friend bool operator==(const Mapping&, const Mapping&) = default;
};

// How a process's VMAs differ from those that the events before have told of: those at `gone` are not there any more
// as they were, those in `mapped` are new, or are what has become of others. What lies in both is mapped.
struct MappingsEvent {
    std::uint64_t time_ns = 0;
    std::uint32_t pid = 0;
    bool all = false;             // `mapped` is all that there is: the first event of an address space
    std::vector<VirtRange> gone;  // by address; each is the range of one VMA that was told of
    std::vector<Mapping> mapped;  // by address
};

}  // namespace fl::trace
