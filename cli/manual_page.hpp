// Manual pages: the source in man(7) of a subcommand's page, from its options, the text of its help, and more text by
// hand.
#pragma once

#include "cli/command_model.hpp"

#include <string>

namespace fl::cli {

// "faultline-run": the page's name, which subcommands of subcommands share with what they belong to.
std::string manual_page_name(const CommandModel& command);

// The page of a command; `all` is the whole of which it is a part, for what it refers to.
std::string manual_page(const CommandModel& command, const CommandModel& all, const std::string& version);

}  // namespace fl::cli
