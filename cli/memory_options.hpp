// What faultline run is told of memory: how much there is of it, who leaves it, and what that costs.
#pragma once

#include "cli/cli11.hpp"
#include "kernel/machine.hpp"

#include <optional>
#include <string>

namespace fl::cli {

struct MemoryOptions {
    std::string memory = "256M";
    std::optional<std::string> frames;
    std::string scope = "global";
    std::optional<std::string> policy;
    std::string kswapd = "off";
    std::string thp = "never";
    std::string khugepaged = "off";
    std::string kcompactd = "off";
    std::string flusher = "off";
    std::optional<std::string> swap;
    std::optional<std::string> swap_file;
    std::optional<std::string> swap_errors;
    std::optional<std::string> cost;
};

void add_memory_options(CLI::App& subcommand, MemoryOptions& options);

// The machine's options as these say. Throws UsageError.
void set_memory(kernel::MachineOptions& machine, const MemoryOptions& options);

}  // namespace fl::cli
