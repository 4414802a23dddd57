#include "trace/symbolizer.hpp"

#include "trace/elf_image.hpp"
#include "trace/line_table.hpp"
#include "trace/symbol_table.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

namespace fl::trace {

namespace {

class FileDescriptor {
public:
    explicit FileDescriptor(int descriptor) : descriptor_(descriptor) {}
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    ~FileDescriptor() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    int get() const { return descriptor_; }

private:
    int descriptor_;
};

// O_NONBLOCK: a FIFO that took the program's place must not stop us.
int open_regular_file(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status {};
    if (descriptor >= 0 && (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode))) {
        ::close(descriptor);
        return -1;
    }
    return descriptor;
}

}  // namespace

// The members are made, and unmade, in the order in which they need each other.
struct Symbolizer::OpenImage {
    FileDescriptor descriptor;
    std::vector<std::byte> bytes;
    ElfImage elf;
    SymbolTable symbols;
    std::unique_ptr<LineTable> lines;

    explicit OpenImage(const std::string& path) : descriptor(open_regular_file(path)), elf(open_elf(descriptor.get())) {
        read_tables();
    }
    explicit OpenImage(std::vector<std::byte> file_bytes)
        : descriptor(-1), bytes(std::move(file_bytes)), elf(open_elf(bytes)) {
        read_tables();
    }

private:
    void read_tables() {
        if (elf == nullptr) return;
        symbols = SymbolTable::read(*elf);
        lines = std::make_unique<LineTable>(*elf);
    }
};

Symbolizer::Symbolizer(ImageInfo image) : image_(std::move(image)) {}

Symbolizer::Symbolizer(std::vector<std::byte> file_bytes, std::uint64_t load_bias)
    : image_{{}, load_bias}, tried_(true), open_image_(std::make_unique<OpenImage>(std::move(file_bytes))) {}

Symbolizer::~Symbolizer() = default;

CodeLocation Symbolizer::locate(VirtAddr address) {
    if (!std::exchange(tried_, true)) open_image_ = std::make_unique<OpenImage>(image_.path);
    if (open_image_ == nullptr || open_image_->elf == nullptr || address.value() < image_.load_bias) return {};
    const std::uint64_t file_address = address.value() - image_.load_bias;
    return {open_image_->symbols.name_of(file_address), open_image_->lines->source_of(file_address)};
}

}  // namespace fl::trace
