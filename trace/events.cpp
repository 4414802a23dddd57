#include "trace/events.hpp"

namespace fl::trace {

const char* task_event_name(TaskEvent::Kind kind) {
    switch (kind) {
        case TaskEvent::Kind::fork: return "fork";
        case TaskEvent::Kind::exec: return "exec";
        case TaskEvent::Kind::exit: return "exit";
    }
    return "?";
}

}  // namespace fl::trace
