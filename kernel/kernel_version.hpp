// What uname(2) and /proc/version call this kernel.
#pragma once

namespace fl::kernel {

// The version whose behaviour is the model; C libraries refuse to run on one that they find too old.
inline constexpr const char* kernel_release = "6.18.0-faultline";
inline constexpr const char* kernel_version = "#1 faultline";

}  // namespace fl::kernel
