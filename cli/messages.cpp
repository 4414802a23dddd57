#include "cli/messages.hpp"

#include "trace/text_cell.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace fl::cli {

void set_up_messages() {
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_st>();
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("faultline", std::move(sink)));
    spdlog::set_pattern("faultline: %v");
}

void report(const std::string& message) { spdlog::error("{}", trace::printable(message)); }

}  // namespace fl::cli
