// What the command says to its user: one line per message, on standard error.
#pragma once

#include <string>

namespace fl::cli {

// Standard output is the guest's: all messages, the kernel's as well, go to standard error as "faultline: ...".
void set_up_messages();

// One message. File names in it may hold anything; it is one line all the same.
void report(const std::string& message);

}  // namespace fl::cli
