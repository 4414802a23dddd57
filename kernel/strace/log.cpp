#include "kernel/strace/log.hpp"

#include "kernel/processes.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace fl::kernel::strace {

namespace {

constexpr std::size_t result_column = 40;  // strace -a

bool has_several_tasks(const Processes& processes) {
    std::size_t count = 0;
    return std::ranges::any_of(processes.all(), [&count](const auto& process) {
        if (!process.second->is_kernel_thread()) count += process.second->threads.size();
        return count > 1;
    });
}

}  // namespace

std::string Log::leader(const Task& task) const {
    if (options_.prefix == TaskPrefix::always) return fmt::format("{:<5} ", task.tid);
    const bool several = processes_ != nullptr && has_several_tasks(*processes_);
    return several ? fmt::format("[pid {:>5}] ", task.tid) : "";
}

std::string Log::cut_off_open_line() {
    const bool open = open_task_.has_value();
    open_task_.reset();
    return open ? " <unfinished ...>\n" : "";
}

void Log::call_begins(const Task& task, const std::string& text) {
    const std::string before = cut_off_open_line();
    const std::string line = leader(task) + text;
    options_.write(before + line);
    open_task_ = task.tid;
    column_ = line.size();
}

void Log::call_ends(const Task& task, const char* name, const std::string& text, const std::string& result) {
    std::string before, line = text;
    if (open_task_ != task.tid) {
        before = cut_off_open_line();
        line = fmt::format("{}<... {} resumed>{}", leader(task), name, text);
        column_ = 0;
    }
    open_task_.reset();
    const std::size_t column = column_ + line.size();
    const std::size_t gap = column + 1 < result_column ? result_column - column : 1;
    options_.write(fmt::format("{}{}{:{}}= {}\n", before, line, "", gap, result));
}

void Log::line(const Task& task, const std::string& text) {
    const std::string before = cut_off_open_line();
    options_.write(before + leader(task) + text + '\n');
}

}  // namespace fl::kernel::strace
