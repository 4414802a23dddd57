// Names inside lines of /proc: what would break the line apart is shown in octal (Linux: fs/seq_file.c, mangle_path).
#pragma once

#include "mm/print_to.hpp"

#include <string>
#include <string_view>

namespace fl::kernel {

inline std::string mangled(std::string_view name, std::string_view characters) {
    std::string text;
    for (const char c : name) {
        if (characters.find(c) != std::string_view::npos) {
            print_to(text, "\\{:03o}", static_cast<unsigned char>(c));
        } else {
            text += c;
        }
    }
    return text;
}

}  // namespace fl::kernel
