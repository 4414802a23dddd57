// What the options that several subcommands share mean.
#pragma once

#include "emu/address.hpp"

#include <stdexcept>
#include <string>
#include <vector>

namespace fl::cli {

// A command line that asks for something impossible; what() is the one line.
class UsageError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// --mem. Throws UsageError.
PageCount memory_from(const std::string& text);

// --env, in the order given. The last value for a name is the one that counts, and it stands where the name came first.
// Throws UsageError.
std::vector<std::string> environment_from(const std::vector<std::string>& settings);

}  // namespace fl::cli
