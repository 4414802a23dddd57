// FL_ASSERT: a bug of ours, never something a guest did. On in every build.
#pragma once

namespace fl {

[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);

}  // namespace fl

#define FL_ASSERT(expression)                                                  \
    (__builtin_expect(static_cast<bool>(expression), 1) ? static_cast<void>(0) \
                                                        : ::fl::assertion_failed(#expression, __FILE__, __LINE__))
