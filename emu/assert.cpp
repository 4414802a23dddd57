#include "emu/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace fl {

void assertion_failed(const char* expression, const char* file, int line) {
    std::fprintf(stderr, "faultline: internal error: %s does not hold (%s:%d)\n", expression, file, line);
    std::abort();
}

}  // namespace fl
