#include "cli/strace_session.hpp"

#include <unistd.h>

#include <utility>

namespace fl::cli {

StraceSession::StraceSession(OutputFile file) : file_(std::move(file), "the system calls") {}

kernel::strace::LogOptions StraceSession::log() {
    const bool for_people = file_.file().descriptor() == STDERR_FILENO;
    return {.write =
                [this](std::string_view text) {
                    file_.output().append(text);
                    file_.output().end_record();
                },
            .prefix = for_people ? kernel::strace::TaskPrefix::where_several : kernel::strace::TaskPrefix::always};
}

}  // namespace fl::cli
