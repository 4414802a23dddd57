// The names of CLI11 that declarations need. Every file that sees the library's own header compiles much of it anew.
#pragma once

namespace CLI {
class App;
class Option;
}  // namespace CLI
