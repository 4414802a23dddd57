#include "mm/errno.hpp"

#include <cstring>

namespace fl {

const char* errno_name(Errno error) {
    const char* name = ::strerrorname_np(static_cast<int>(error));
    return name != nullptr ? name : "E?";
}

const char* errno_text(Errno error) {
    const char* text = ::strerrordesc_np(static_cast<int>(error));
    return text != nullptr ? text : "unknown error";
}

}  // namespace fl
