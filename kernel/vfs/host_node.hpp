// HostNode: one file, directory or link of the host, held by a descriptor that was opened with O_PATH.
//
// Names come from the guest, so nothing here ever gives the host a path: a child is looked up by one component in a
// directory that is held open, and no link is followed; the guest's own path walk does that, in the guest's tree. What
// is done to a node is done to the descriptor, so that nobody can put something else in its place in between. Files
// that are neither regular nor directories nor links are never opened.
#pragma once

#include "kernel/vfs/inode.hpp"

#include <tl/expected.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fl::kernel {

// Owns a descriptor of the host; -1: none.
class HostDescriptor {
public:
    explicit HostDescriptor(int value = -1) : value_(value) {}
    HostDescriptor(HostDescriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
    HostDescriptor& operator=(HostDescriptor&& other) noexcept {
        std::swap(value_, other.value_);
        return *this;
    }
    HostDescriptor(const HostDescriptor&) = delete;
    HostDescriptor& operator=(const HostDescriptor&) = delete;
    ~HostDescriptor();

    int get() const { return value_; }
    bool is_open() const { return value_ >= 0; }

private:
    int value_;
};

enum class HostOpening : std::uint8_t { for_reading, for_writing };

class HostNode {
public:
    HostNode(HostDescriptor place, const struct stat& status) : place_(std::move(place)), status_(status) {}

    // What the command line names: here alone links are followed. The error is the reason.
    static tl::expected<std::shared_ptr<HostNode>, std::string> open_named(const std::string& path);

    // As it was when it was opened, and now.
    const struct stat& status() const { return status_; }
    Result<struct stat> status_now() const;
    int descriptor() const { return place_.get(); }

    // --- a directory: `name` is one component, else EINVAL. What procfs of the host holds is EACCES: it would lead to
    // the emulator itself.
    Result<std::shared_ptr<HostNode>> child(std::string_view name) const;
    Result<std::vector<DirectoryEntry>> entries() const;
    Result<void> check_readable() const;
    // Without set-user-ID and set-group-ID.
    Result<std::shared_ptr<HostNode>> create(std::string_view name, const NewInode& what) const;
    Result<void> remove(std::string_view name, bool is_directory) const;
    Result<void> rename(std::string_view name, const HostNode& to, std::string_view new_name, bool exchange) const;
    Result<void> add_link(const HostNode& file, std::string_view name) const;

    // --- a link
    Result<std::string> link_text() const;

    // --- a regular file: the descriptor by which its bytes are reached; it stays the node's.
    Result<int> content(HostOpening opening);

    // chmod(2), chown(2), utimensat(2).
    Result<void> change_attributes(const AttributeChange& change) const;

private:
    HostDescriptor place_;
    struct stat status_;
    HostDescriptor content_;
    bool content_is_writable_ = false;
};

}  // namespace fl::kernel
