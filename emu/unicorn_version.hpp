// Which Unicorn is at work.
#pragma once

#include <string>

namespace fl::emu {

// "2.1.4": of the library that this process runs with, whatever it was built against.
std::string unicorn_version();

}  // namespace fl::emu
