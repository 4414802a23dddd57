// HostTree: which folders and files of the host a program sees, and where; the command line's --root and --bind.
#pragma once

#include "kernel/vfs/host_node.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fl::kernel {

struct HostBind {
    std::shared_ptr<HostNode> node;  // a directory or a regular file
    std::string guest_path;          // absolute
    bool writable = false;
};

struct HostRoot {
    std::shared_ptr<HostNode> node;  // a directory
    std::string host_path;           // absolute, links resolved
};

struct HostTree {
    std::optional<HostRoot> root;
    std::vector<HostBind> binds;  // in the order in which they are put there

    // A path of the host as the program sees it: what lies below the root loses the root's own path.
    std::string guest_path(const std::string& host_path) const;
};

// --root DIR. The error is one line that names the folder.
tl::expected<HostRoot, std::string> open_host_root(const std::string& folder);
// --bind HOST:GUEST[:rw]. The error is one line.
tl::expected<HostBind, std::string> open_host_bind(const std::string& words);

}  // namespace fl::kernel
