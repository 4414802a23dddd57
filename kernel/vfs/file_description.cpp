#include "kernel/vfs/file_description.hpp"

#include <unistd.h>

namespace fl::kernel {

FileDescription::~FileDescription() {
    --count_;
    if (inode() == nullptr) return;
    inode()->locks().release(*this);
    inode()->record_locks().release(this);
}

Result<void> FileDescription::take_memory(mm::PhysicalMemory& memory, std::span<const mm::KernelObject> more) {
    if (memory.slab() == nullptr || !objects_.empty()) return {};
    std::vector<mm::SlabObject> objects;
    const auto take = [&](mm::KernelObject kind) -> Result<void> {
        auto object = mm::new_kernel_object(memory, kind);
        if (!object) return fail(object.error());
        objects.push_back(std::move(*object));
        return {};
    };
    if (auto taken = take(mm::KernelObject::filp); !taken) return taken;
    for (const mm::KernelObject kind : more) {
        if (auto taken = take(kind); !taken) return taken;
    }
    objects_ = std::move(objects);
    return {};
}

std::vector<HostEvent> FileDescription::host_events(short wanted) {
    const auto fd = host_descriptor();
    return fd ? std::vector<HostEvent>{{*fd, wanted}} : std::vector<HostEvent>{};
}

Result<void> FileDescription::set_status_flags(int flags) {
    constexpr int changeable = O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME | O_ASYNC;  // SETFL_MASK (fs/fcntl.c)
    flags_ = (flags_ & ~changeable) | (flags & changeable);
    return {};
}

Result<std::uint64_t> FileDescription::read(System&, UserSegments&, std::uint64_t&) { return fail(Errno::einval); }
Result<std::uint64_t> FileDescription::write(System&, UserSegments&, std::uint64_t&) { return fail(Errno::einval); }

Result<std::uint64_t> FileDescription::seek(System&, std::int64_t offset, int whence) {
    const auto moved = moved_position(position, inode()->size_bytes(), offset, whence);
    if (moved) position = *moved;
    return moved;
}

Result<struct stat> FileDescription::status(const System&) const { return inode()->status(); }

Result<std::uint64_t> FileDescription::control(System&, std::uint64_t, std::uint64_t) { return fail(Errno::enotty); }

Result<std::shared_ptr<FileDescription>> FileDescription::reopen(System&, int) { return fail(Errno::enxio); }

Result<FileDescription::Mappable> FileDescription::mappable(System&) { return fail(Errno::enodev); }

// dcache_dir_lseek(): the end of a directory is nowhere.
Result<std::uint64_t> DirectoryDescription::seek(System&, std::int64_t offset, int whence) {
    if (whence != SEEK_SET && whence != SEEK_CUR) return fail(Errno::einval);
    const auto moved = moved_position(position, 0, offset, whence);
    if (moved) position = *moved;
    return moved;
}

Result<std::uint64_t> moved_position(std::uint64_t position, std::uint64_t size_bytes, std::int64_t offset,
                                     int whence) {
    std::uint64_t base = 0;
    switch (whence) {
        case SEEK_SET: break;
        case SEEK_CUR: base = position; break;
        case SEEK_END: base = size_bytes; break;
        default: return fail(Errno::einval);
    }
    // Positions are below 2^63, so that the sum wraps only where it is negative or too large.
    const std::uint64_t moved = base + static_cast<std::uint64_t>(offset);
    return moved <= max_file_bytes ? Result<std::uint64_t>(moved) : fail(Errno::einval);
}

}  // namespace fl::kernel
