// Exit statuses of the command itself; all others are the guest's.
#pragma once

namespace fl::cli {

inline constexpr int exit_output_failed = 1;    // the program ran, but a trace or statistics could not be written
inline constexpr int exit_usage = 2;            // the command line asks for something impossible
inline constexpr int exit_internal_error = 70;  // a bug of ours: an invariant was found broken (EX_SOFTWARE)
inline constexpr int exit_not_started = 125;    // the program could not be started

}  // namespace fl::cli
