// A process under --strace, for tests.
#pragma once

#include "kernel/strace/line.hpp"
#include "kernel_support.hpp"

#include <initializer_list>
#include <memory>
#include <string>
#include <utility>

namespace fl::test {

struct Traced {
    Traced() {
        system.task().files =
            std::make_shared<kernel::FileTable>(kernel::FileTable({pipe.read_end(), pipe.write_end()}));
    }

    // What is said of one call, without its prefix and newline.
    std::string exact_line(std::uint64_t number, std::initializer_list<std::uint64_t> arguments = {}) {
        system.call(number, arguments);
        const std::string text = std::exchange(log, {});
        REQUIRE(text.ends_with('\n'));
        return text.substr(0, text.size() - 1);
    }
    // The same with one space before the answer.
    std::string line(std::uint64_t number, std::initializer_list<std::uint64_t> arguments = {}) {
        std::string text = exact_line(number, arguments);
        const std::size_t answer = text.rfind(" = ");
        const std::size_t call_end = text.find_last_not_of(' ', answer) + 1;
        return text.erase(call_end, answer - call_end);
    }

    HostPipe pipe;
    std::string log;
    TestSystem system{PageCount(64), {.write = [this](std::string_view text) { log += text; }}};
};

}  // namespace fl::test
