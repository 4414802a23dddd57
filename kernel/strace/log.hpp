// Log: the lines of --strace on their way out.
//
// A call's line is begun when the call is made and finished when it answers. Where another line comes in between it is
// cut off with "<unfinished ...>", and what is left starts with "<... NAME resumed>". `open_task_` is the task whose
// line has no end yet.
#pragma once

#include "kernel/task.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace fl::kernel {
class Processes;
}

namespace fl::kernel::strace {

// Which task a line is about.
enum class TaskPrefix : std::uint8_t {
    where_several,  // "[pid   12] ", while there is more than one task: a terminal (strace -f)
    always,         // "12    ": a file (strace -f -o FILE)
};

struct LogOptions {
    std::function<void(std::string_view)> write;  // empty: nothing is logged
    TaskPrefix prefix = TaskPrefix::where_several;
};

class Log {
public:
    // `processes`: who counts the tasks; nullptr: there is one.
    Log(LogOptions options, const Processes* processes) : options_(std::move(options)), processes_(processes) {}

    void call_begins(const Task& task, const std::string& text);
    void call_ends(const Task& task, const char* name, const std::string& text, const std::string& result);
    void line(const Task& task, const std::string& text);

private:
    std::string leader(const Task& task) const;
    std::string cut_off_open_line();

    LogOptions options_;
    const Processes* processes_;
    std::optional<std::uint32_t> open_task_;
    std::size_t column_ = 0;  // of the open line's end
};

}  // namespace fl::kernel::strace
