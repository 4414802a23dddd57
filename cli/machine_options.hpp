// The options of every subcommand that runs a program: what machine it runs on, and what it sees there.
#pragma once

#include "cli/memory_options.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fl::cli {

struct MachineTexts {
    MemoryOptions memory;
    std::string fault_around = "16";
    std::string seed = "0";
    std::string clock = "virtual";
    std::string max_tasks = "4096";
    std::optional<std::string> timeout;  // seconds of the host's time
    std::vector<std::string> environment;
    std::optional<std::string> root;  // folder of the host
    std::vector<std::string> binds;   // HOST:GUEST[:rw]
};

void add_machine_options(CLI::App& subcommand, MachineTexts& texts);

// The machine that these describe. Throws UsageError.
kernel::MachineOptions machine_from(const MachineTexts& texts);
// The program of these words, in the folder that the command was started in. Throws UsageError.
kernel::ProgramSpec program_from(const std::vector<std::string>& words, const MachineTexts& texts);

// A number from 1. Throws UsageError.
std::uint64_t count_from(const char* option, const std::string& text);

}  // namespace fl::cli
