// HostLayer: a folder or file of the host that the guest sees, with what the guest changed of it (as overlayfs has a
// lower layer and what lies over it).
//
// An inode of the host lives as long as somebody uses it, and is made again from the host when it is asked for again.
// One that the guest changed in memory is kept. Files with several names have one inode, which the host's device and
// inode number tell.
#pragma once

#include "kernel/vfs/host_node.hpp"
#include "mm/file.hpp"

#include <map>
#include <memory>
#include <string>

namespace fl::kernel {

enum class HostAccess : std::uint8_t {
    read_only,      // every change is EROFS
    copy_on_write,  // changes stay in memory; nothing of the host is written
    write_through,  // changes are the host's at once
};

// Pages that changed files may take of the emulator's own memory, once they have left the emulated RAM.
struct PageBudget {
    std::uint64_t pages_left;
};

class LayeredSource;

class HostLayer {
public:
    HostLayer(mm::FileRegistry& files, HostAccess access, FileSystem file_system, std::uint64_t budget_pages);
    HostLayer(const HostLayer&) = delete;
    HostLayer& operator=(const HostLayer&) = delete;
    ~HostLayer();

    HostAccess access() const { return access_; }
    FileSystem& file_system() { return file_system_; }
    // The known inode of this file, or a new one.
    std::shared_ptr<Inode> inode_of(const std::shared_ptr<HostNode>& node);
    // The guest changed it in memory; nothing to do where changes are the host's.
    void keep_change(const HostNode& node);
    // Something lies over it that must be found again.
    void keep(const HostNode& node);
    // Takes what the guest changed apart, so that nothing refers to itself any more.
    void clear();

    // Bytes of a regular file; one mm::File for each, whoever asks. `layered` is nullptr where changes go to the host.
    struct Content {
        std::shared_ptr<mm::File> file;
        LayeredSource* layered;
    };
    Content content_of(const std::shared_ptr<HostNode>& node);

    // Brings what was written through mappings to the host.
    void write_back();

    // What stat(2) shows: what the guest made of it, or the host's present.
    struct stat status_of(const HostNode& node, struct stat in_memory) const;

private:
    struct Key {
        dev_t device;
        ino_t inode;
        auto operator<=>(const Key&) const = default;
    };
    struct KnownContent {
        std::weak_ptr<mm::File> file;
        LayeredSource* layered;
    };
    static Key key_of(const HostNode& node) { return {node.status().st_dev, node.status().st_ino}; }
    std::shared_ptr<Inode> make_inode(const std::shared_ptr<HostNode>& node);

    mm::FileRegistry& files_;
    HostAccess access_;
    FileSystem file_system_;
    std::shared_ptr<PageBudget> budget_;
    std::map<Key, std::weak_ptr<Inode>> known_;
    std::map<Key, KnownContent> contents_;
    std::map<Key, std::shared_ptr<Inode>> kept_;
    std::size_t sweep_at_ = 64;
};

}  // namespace fl::kernel
