// Output: the bytes of a trace on their way to a file descriptor, through a buffer.
//
// It starts holding: nothing reaches the descriptor before release(), so that a program that cannot be started leaves
// the user's file as it was. The first error sticks; everything after it is dropped, and the traced program goes on.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

namespace fl::trace {

enum class Delivery {
    when_full,    // in large pieces: files
    each_record,  // one write per record: terminals, and a stderr that others write to as well
};

class Output {
public:
    // The descriptor stays the caller's.
    Output(int descriptor, Delivery delivery);
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;
    ~Output();

    // Room for `size` bytes; how many of them were used is told to commit() before the next reserve(). nullptr where
    // there is no memory for a record of that size, which counts as an error.
    char* reserve(std::size_t size) noexcept {
        if (capacity_ - used_ < size && !make_room(size)) return nullptr;
        return buffer_.get() + used_;
    }
    void commit(std::size_t size) noexcept { used_ += size; }
    void append(std::string_view bytes) noexcept;
    void end_record() noexcept {
        if (delivery_ == Delivery::each_record) flush();
    }

    // What was held may go, and from now on nothing is.
    void release() noexcept {
        holding_ = false;
        end_record();
    }
    void flush() noexcept;
    // Something that was to be written could not be made: errno.
    void fail(int error) noexcept {
        if (error_ == 0) error_ = error;
    }
    // errno of what went wrong first; 0: nothing.
    int error() const noexcept { return error_; }

private:
    bool make_room(std::size_t size) noexcept;
    void write_out() noexcept;

    int descriptor_;
    Delivery delivery_;
    bool holding_ = true;
    int error_ = 0;
    std::size_t used_ = 0;
    std::size_t capacity_;
    std::unique_ptr<char[]> buffer_;
};

}  // namespace fl::trace
