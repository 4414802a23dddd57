// What manual pages say beside the help of each subcommand, as plain text: paragraphs with an empty line between them,
// of which those that begin with two spaces stay as they are.
#pragma once

#include <string_view>

namespace fl::cli {

struct ManualSection {
    std::string_view heading;
    std::string_view text;
};

struct ManualText {
    std::string_view command;   // "" is faultline itself
    ManualSection sections[5];  // as many as have a heading; in the order of the page
};

// Never nullptr; of a command that is not known, one without sections.
const ManualText& manual_text(std::string_view command);

}  // namespace fl::cli
