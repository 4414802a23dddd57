#include "kernel/vfs/devices.hpp"

#include "kernel/system.hpp"
#include "kernel/terminal.hpp"
#include "kernel/vfs/host_stream.hpp"
#include "kernel/vfs/kmsg.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>

namespace fl::kernel {

namespace {

constexpr std::uint64_t chunk_bytes = 64 << 10;

// Fills guest memory with what make(span) gives.
template <class Make>
Result<std::uint64_t> fill(System& system, UserSegments& into, Make&& make) {
    system.transfer.resize(std::max<std::size_t>(system.transfer.size(), chunk_bytes));
    std::uint64_t done = 0;
    while (into.bytes_left() > 0) {
        const auto chunk = std::span(system.transfer).first(std::min(into.bytes_left(), chunk_bytes));
        make(chunk);
        const std::uint64_t copied = into.copy_to_guest(chunk);
        done += copied;
        if (copied < chunk.size()) return done > 0 ? Result<std::uint64_t>(done) : fail(Errno::efault);
    }
    return done;
}

class NullDescription : public FileDescription {
public:
    using FileDescription::FileDescription;
    Result<std::uint64_t> read(System&, UserSegments&, std::uint64_t&) override { return 0; }
    // Takes everything without looking at it.
    Result<std::uint64_t> write(System&, UserSegments& from, std::uint64_t&) override { return from.bytes_left(); }
    Result<std::uint64_t> seek(System&, std::int64_t, int) override { return position = 0; }  // null_lseek()
};

class ZeroDescription : public NullDescription {
public:
    using NullDescription::NullDescription;
    Result<std::uint64_t> read(System& system, UserSegments& into, std::uint64_t&) override {
        return fill(system, into,
                    [](std::span<std::byte> chunk) { std::fill(chunk.begin(), chunk.end(), std::byte{0}); });
    }
    // Private: anonymous memory; shared: memory without a name (mmap_zero).
    Result<Mappable> mappable(System&) override { return Mappable{}; }
};

class FullDescription final : public ZeroDescription {
public:
    using ZeroDescription::ZeroDescription;
    Result<std::uint64_t> write(System&, UserSegments&, std::uint64_t&) override { return fail(Errno::enospc); }
    bool takes_splices() const override { return false; }
    Result<Mappable> mappable(System&) override { return fail(Errno::enodev); }
};

class RandomDescription final : public FileDescription {
public:
    using FileDescription::FileDescription;
    Result<std::uint64_t> read(System& system, UserSegments& into, std::uint64_t&) override {
        return fill(system, into, [&system](std::span<std::byte> chunk) { system.random.fill(chunk); });
    }
    // What is written would stir the pool; the seed alone decides here.
    Result<std::uint64_t> write(System&, UserSegments& from, std::uint64_t&) override { return from.bytes_left(); }
    Result<std::uint64_t> seek(System&, std::int64_t, int) override { return position; }  // noop_llseek()
};

// /dev/tty: the terminal that controls the process's session.
Result<std::shared_ptr<FileDescription>> open_terminal(const System& system, int flags) {
    const auto& terminal = system.task.process->terminal;
    if (terminal == nullptr) return fail(Errno::enxio);
    auto stream = std::make_shared<HostStream>(terminal->host_fd(), flags, StreamKind::other);
    stream->set_terminal(terminal);
    return stream;
}

class TerminalFile final : public Inode {
public:
    TerminalFile(FileSystem& file_system, const struct stat& host_status, std::uint64_t now_ns,
                 std::shared_ptr<Terminal> terminal)
        : Inode(file_system, host_status.st_mode, Owner{}, now_ns), terminal_(std::move(terminal)) {
        take_identity(host_status);
        set_device(host_status.st_rdev);
    }
    Result<std::shared_ptr<FileDescription>> open(System&, const DentryPointer&, int flags) override {
        auto stream = std::make_shared<HostStream>(terminal_->host_fd(), flags, StreamKind::other);
        stream->set_terminal(terminal_);
        return stream;
    }

private:
    std::shared_ptr<Terminal> terminal_;
};

class DeviceFile final : public Inode {
public:
    DeviceFile(FileSystem& file_system, std::uint64_t now_ns, Device device)
        : Inode(file_system, S_IFCHR | (device == Device::kmsg ? 0644 : 0666), Owner{}, now_ns), device_(device) {}

    Result<std::shared_ptr<FileDescription>> open(System& system, const DentryPointer& dentry, int flags) override {
        switch (device_) {
            case Device::null: return std::make_shared<NullDescription>(dentry, flags);
            case Device::zero: return std::make_shared<ZeroDescription>(dentry, flags);
            case Device::full: return std::make_shared<FullDescription>(dentry, flags);
            case Device::random:
            case Device::urandom: return std::make_shared<RandomDescription>(dentry, flags);
            case Device::kmsg: return open_dev_kmsg(system, dentry, flags);
            case Device::tty: return open_terminal(system, flags);
        }
        return fail(Errno::enxio);
    }

private:
    Device device_;
};

// Documentation/admin-guide/devices.txt.
dev_t number_of(Device device) {
    constexpr unsigned memory_major = 1, tty_major = 5;
    switch (device) {
        case Device::null: return ::makedev(memory_major, 3);
        case Device::zero: return ::makedev(memory_major, 5);
        case Device::full: return ::makedev(memory_major, 7);
        case Device::random: return ::makedev(memory_major, 8);
        case Device::urandom: return ::makedev(memory_major, 9);
        case Device::kmsg: return ::makedev(memory_major, 11);
        case Device::tty: return ::makedev(tty_major, 0);
    }
    return 0;
}

}  // namespace

std::shared_ptr<Inode> make_terminal(FileSystem& file_system, std::uint64_t now_ns,
                                     std::shared_ptr<Terminal> terminal) {
    struct stat host_status {};
    (void)::fstat(terminal->host_fd(), &host_status);
    return std::make_shared<TerminalFile>(file_system, host_status, now_ns, std::move(terminal));
}

std::shared_ptr<Inode> make_device(FileSystem& file_system, std::uint64_t now_ns, Device device) {
    auto inode = std::make_shared<DeviceFile>(file_system, now_ns, device);
    inode->set_device(number_of(device));
    return inode;
}

}  // namespace fl::kernel
