// Events and places to write to, for the tests of the trace writers.
#pragma once

#include "mm/fault_event.hpp"
#include "mm/file.hpp"
#include "trace/output.hpp"
#include "trace/writer.hpp"

#include <memory>
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

// A dirty page of the stack leaves for slot 17, for the sake of heap_write().
mm::EvictionEvent stack_eviction();
// The same page is written before it has to leave.
mm::WriteBackEvent stack_write_back();
// heap_write() on a page that had been evicted, with stack_eviction() as the victim.
mm::FaultEvent heap_refault();

// A little trace with events of all kinds, and texts that have to be escaped.
void write_all_kinds(Writer& writer);
inline constexpr const char* hostile_text = "/tmp/\"quoted\", \\\n\x1b[31m \xc3\xa9";

// Files that events can name.
class Files {
public:
    Files() : ram_(*emu::Ram::create(mm::PhysicalMemory::min_page_count)), memory_(ram_), registry_(memory_) {}

    std::shared_ptr<const mm::FileIdentity> named(const std::string& path) {
        return registry_.create({.path = path}, mm::FileKind::memory)->shared_identity();
    }

private:
    emu::Ram ram_;
    mm::PhysicalMemory memory_;
    mm::FileRegistry registry_;
};

}  // namespace fl::trace::test
