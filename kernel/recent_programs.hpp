// RecentPrograms: the files of programs that ended lately stay known, with what of them is in the page cache (Linux
// keeps all files there): a shell's next command finds its pages, and the processor the code it has translated. Their
// frames come back as soon as somebody needs them.
#pragma once

#include "kernel/vfs/inode.hpp"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <memory>

namespace fl::kernel {

class RecentPrograms {
public:
    // Only files of the host's: those in memory keep their pages anyway, as long as they have a name.
    void note(const DentryPointer& program) {
        if (program == nullptr || program->inode == nullptr || program->inode->host_node() == nullptr) return;
        const auto known = std::ranges::find(inodes_, program->inode);
        if (known != inodes_.end()) inodes_.erase(known);
        inodes_.push_front(program->inode);
        if (inodes_.size() > most) inodes_.pop_back();
    }
    void clear() { inodes_.clear(); }

private:
    static constexpr std::size_t most = 16;
    std::deque<std::shared_ptr<Inode>> inodes_;  // the latest first
};

}  // namespace fl::kernel
