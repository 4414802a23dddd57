#include "kernel/live_objects.hpp"

#include "kernel/futex.hpp"
#include "kernel/processes.hpp"
#include "kernel/vfs/file_description.hpp"

#include <fmt/format.h>

namespace fl::kernel {

LiveObjects live_objects(const Processes& processes, const Scheduler& scheduler, const Futexes& futexes) {
    LiveObjects live;
    live.tasks = processes.task_count();
    live.processes = processes.all().size();
    live.queued = scheduler.queued_count();
    live.timers = scheduler.timer_count();
    live.futex_waiters = futexes.waiter_count();
    live.open_files = FileDescription::count();
    return live;
}

std::vector<std::string> leftovers(const LiveObjects& expected, const LiveObjects& found) {
    struct Number {
        const char* name;
        std::uint64_t LiveObjects::*value;
    };
    constexpr Number numbers[] = {{"tasks", &LiveObjects::tasks},
                                  {"processes", &LiveObjects::processes},
                                  {"tasks in the scheduler's queues", &LiveObjects::queued},
                                  {"timers", &LiveObjects::timers},
                                  {"futex waiters", &LiveObjects::futex_waiters},
                                  {"open files", &LiveObjects::open_files},
                                  {"inodes in memory", &LiveObjects::inodes},
                                  {"frames in use", &LiveObjects::frames},
                                  {"kernel objects", &LiveObjects::kernel_objects}};
    std::vector<std::string> lines;
    for (const auto& [name, value] : numbers) {
        if (found.*value == expected.*value) continue;
        lines.push_back(
            fmt::format("{} after the last process's end: {}, {} expected", name, found.*value, expected.*value));
    }
    return lines;
}

}  // namespace fl::kernel
