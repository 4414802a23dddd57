// Events and places to write to, for the tests of the trace writers.
#pragma once

#include "mm/fault_event.hpp"
#include "trace/output.hpp"
#include "trace/writer.hpp"

#include <string>
#include <vector>

namespace fl::trace::test {

// A file without a name, and an Output into it that holds nothing back.
class CapturedOutput {
public:
    explicit CapturedOutput(Delivery delivery = Delivery::when_full);
    CapturedOutput(const CapturedOutput&) = delete;
    CapturedOutput& operator=(const CapturedOutput&) = delete;
    ~CapturedOutput();

    Output& output() { return output_; }
    // What has reached the file so far.
    std::string text() const;
    std::vector<std::string> lines() const;

private:
    int descriptor_;
    Output output_;
};

// The first write to a page of the heap, by user code at 0x401234.
mm::FaultEvent heap_write();
// A read of nothing, by exec.
mm::FaultEvent wild_read();

}  // namespace fl::trace::test
