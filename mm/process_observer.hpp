// ProcessObserver: hears of what becomes of processes and of their address spaces. It costs nothing per reference to
// memory. Who writes a trace is one.
#pragma once

#include "emu/address.hpp"

#include <cstdint>
#include <string>

namespace fl::mm {

class MmStruct;

// How a process ended.
struct ProcessEnd {
    int status = 0;  // exit status, 128 + signal where a signal ended it
    int signal = 0;  // 0: none did
};

// None of the functions may change what they are told of.
class ProcessObserver {
public:
    // After each system call and each signal: `process` has these mappings now. Those that have come, gone or changed
    // since the last time that anybody was told of `mm` lie in `changed`; empty: none did.
    virtual void on_mappings(std::uint32_t process, const MmStruct& mm, VirtRange changed) noexcept = 0;
    virtual void on_fork(std::uint32_t parent, std::uint32_t child) noexcept = 0;
    // Before the program is loaded.
    virtual void on_exec(std::uint32_t process, const std::string& path) noexcept = 0;
    // Its address space is still there.
    virtual void on_exit(std::uint32_t process, const ProcessEnd& end) noexcept = 0;

protected:
    ~ProcessObserver() = default;
};

}  // namespace fl::mm
