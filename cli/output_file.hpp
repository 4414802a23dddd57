// OutputFile: where a trace or statistics go: a file of the user's, or standard error.
//
// Opening it changes nothing that was there. begin() empties the file; a file that opening created and that never got
// that far is removed again, so that a run that could not start leaves nothing behind.
#pragma once

#include <tl/expected.hpp>

#include <optional>
#include <string>

namespace fl::cli {

class OutputFile {
public:
    static OutputFile standard_error();
    static OutputFile standard_output();
    // The error is one line that names the file.
    static tl::expected<OutputFile, std::string> open(const std::string& path);
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;
    OutputFile(OutputFile&& other) noexcept;
    OutputFile& operator=(OutputFile&&) = delete;
    ~OutputFile();

    int descriptor() const { return descriptor_; }
    // For messages.
    const std::string& name() const { return name_; }
    // Both are one and the same regular file.
    bool is_same_file(const std::string& path) const;

    // The run has started: from here on the file is ours.
    void begin();
    // What was written is of no use: a file that opening created is removed, another is emptied.
    void discard();
    // Writes all of `bytes`; errno of what went wrong, or nothing.
    std::optional<int> write(const std::string& bytes) const;
    // Closes the file; errno where the system found only now that it could not keep the bytes.
    std::optional<int> close();

private:
    OutputFile(int descriptor, std::string name) : descriptor_(descriptor), name_(std::move(name)) {}

    int descriptor_;
    std::string name_;
    bool owned_ = false;    // to be closed
    bool created_ = false;  // and not begun: to be removed
    bool is_new_ = false;   // opening created it
};

}  // namespace fl::cli
