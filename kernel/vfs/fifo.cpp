#include "kernel/vfs/fifo.hpp"

#include "kernel/system.hpp"
#include "kernel/vfs/pipe.hpp"

namespace fl::kernel {

Result<std::shared_ptr<FileDescription>> open_fifo(System& system, const DentryPointer& dentry, int flags) {
    if ((flags & O_ACCMODE) == O_ACCMODE) return fail(Errno::einval);
    auto channel = dentry->inode->pipe.lock();
    const bool writes_without_waiting = (flags & (O_ACCMODE | O_NONBLOCK)) == (O_WRONLY | O_NONBLOCK);
    if (writes_without_waiting && (channel == nullptr || !channel->has_readers())) return fail(Errno::enxio);
    if (channel == nullptr) {
        channel = std::make_shared<ByteChannel>();
        if (auto taken = channel->take_memory(system.memory); !taken) return fail(taken.error());
        dentry->inode->pipe = channel;
    }
    auto description = std::make_shared<PipeDescription>(flags, dentry, std::move(channel));
    if (auto met = description->wait_for_partner(system); !met) return fail(met.error());
    return description;
}

}  // namespace fl::kernel
