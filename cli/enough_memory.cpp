#include "cli/enough_memory.hpp"

#include "cli/program_options.hpp"
#include "cli/size.hpp"
#include "kernel/least_memory.hpp"

#include <fmt/format.h>

namespace fl::cli {

void want_enough_memory(const kernel::Machine* started, const kernel::MachineOptions& options,
                        const kernel::ProgramSpec& program) {
    if (started != nullptr && kernel::has_room_to_run(*started)) return;
    const auto least = kernel::least_memory(options, program);
    if (!least || *least == options.memory) return;
    throw UsageError(fmt::format("--mem: {} is too small for {}; the least is {}", humanised(options.memory.bytes()),
                                 program.path, humanised(least->bytes())));
}

}  // namespace fl::cli
