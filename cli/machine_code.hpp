// MachineCode: the code of the program whose turn it is, as trace reads it.
#pragma once

#include "kernel/machine.hpp"
#include "trace/code_reader.hpp"

namespace fl::cli {

class MachineCode final : public trace::CodeReader {
public:
    explicit MachineCode(const kernel::Machine& machine) : machine_(machine) {}

    std::size_t peek(VirtAddr address, std::span<std::byte> into) const override {
        return machine_.peek(address, into);
    }
    std::optional<trace::RunningImage> image() const override {
        const mm::MmStruct* mm = machine_.current_mm();
        if (mm == nullptr || mm->exe_file() == nullptr) return std::nullopt;
        return trace::RunningImage{mm->exe_file(), mm->bounds().load_bias};
    }

private:
    const kernel::Machine& machine_;
};

}  // namespace fl::cli
