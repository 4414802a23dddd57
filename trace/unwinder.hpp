// Unwinder: who called the function that runs, from its registers and the top of its stack.
//
// Where the program has call frame information (.eh_frame) that says where the return address is. C libraries are built
// without it (musl): there the stack is searched for the address behind a CALL instruction whose target is the function
// itself, which leaves out what is called through a pointer or by a jump. The ELF file is untrusted.
#pragma once

#include "emu/address.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace fl::trace {

// Registers have DWARF's numbers (System V ABI, AMD64 supplement, figure 3.36).
struct CallState {
    static constexpr std::size_t rsp = 7, return_address = 16;  // 16: where it runs
    std::array<std::uint64_t, 17> registers{};
    std::span<const std::byte> stack;  // the bytes from rsp on
};

class Unwinder {
public:
    Unwinder(std::vector<std::byte> file_bytes, std::uint64_t load_bias);
    Unwinder(const Unwinder&) = delete;
    Unwinder& operator=(const Unwinder&) = delete;
    ~Unwinder();

    // Where the calls return to, the innermost first, `most` at the most; as far as they are known.
    std::vector<VirtAddr> callers(const CallState& state, std::size_t most);

private:
    class Image;
    class Frame;

    std::unique_ptr<Image> image_;
    std::uint64_t load_bias_;
};

}  // namespace fl::trace
