#include "kernel/file_table.hpp"

#include "kernel/terminal.hpp"
#include "kernel/vfs/host_stream.hpp"

#include <utility>

namespace fl::kernel {

FileTable FileTable::standard_streams() { return FileTable({0, 1, 2}); }

FileTable::FileTable(const std::vector<int>& host_fds) {
    std::vector<std::shared_ptr<Terminal>> terminals;
    for (const int host_fd : host_fds) {
        auto stream = HostStream::of(host_fd);
        if (auto terminal = stream != nullptr ? Terminal::of(host_fd, terminals) : nullptr; terminal != nullptr) {
            terminals.push_back(terminal);
            stream->set_terminal(std::move(terminal));
        }
        slots_.push_back({std::move(stream), OnExec::keep});
    }
}

FileTable::~FileTable() {
    for (Slot& slot : slots_) empty(slot);
}

// filp_close(). What was there is handed out, so that the slot is free before the file goes.
DescriptionPointer FileTable::empty(Slot& slot) {
    DescriptionPointer old = std::exchange(slot, Slot{}).description;
    if (old != nullptr && !old->is_path_only() && old->inode() != nullptr) {
        old->inode()->record_locks().release(this);
    }
    return old;
}

FileTable::Slot* FileTable::slot(std::uint64_t fd) {
    const auto number = static_cast<std::uint32_t>(fd);
    return number < slots_.size() && slots_[number].description != nullptr ? &slots_[number] : nullptr;
}

Result<DescriptionPointer> FileTable::find_any(std::uint64_t fd) const {
    const auto number = static_cast<std::uint32_t>(fd);
    if (number >= slots_.size() || slots_[number].description == nullptr) return fail(Errno::ebadf);
    return slots_[number].description;
}

Result<DescriptionPointer> FileTable::find(std::uint64_t fd) const {
    auto found = find_any(fd);
    return found && (*found)->is_path_only() ? fail(Errno::ebadf) : found;
}

Result<OnExec> FileTable::on_exec(std::uint64_t fd) const {
    if (const auto found = find_any(fd); !found) return fail(found.error());
    return slots_[static_cast<std::uint32_t>(fd)].on_exec;
}

Result<void> FileTable::set_on_exec(std::uint64_t fd, OnExec on_exec) {
    Slot* found = slot(fd);
    if (found == nullptr) return fail(Errno::ebadf);
    found->on_exec = on_exec;
    return {};
}

Result<void> FileTable::close(std::uint64_t fd) {
    Slot* found = slot(fd);
    if (found == nullptr) return fail(Errno::ebadf);
    const auto closed = empty(*found);
    return {};
}

Result<std::uint32_t> FileTable::find_free(std::uint64_t lowest, std::uint64_t limit) const {
    if (lowest >= limit) return fail(Errno::einval);
    std::uint64_t target = lowest;
    while (target < slots_.size() && slots_[target].description != nullptr) ++target;
    if (target >= limit) return fail(Errno::emfile);
    return static_cast<std::uint32_t>(target);
}

void FileTable::put(std::uint32_t fd, DescriptionPointer description, OnExec on_exec) {
    if (fd >= slots_.size()) slots_.resize(std::size_t{fd} + 1);
    const auto closed = empty(slots_[fd]);
    slots_[fd] = Slot{std::move(description), on_exec};
}

Result<std::uint64_t> FileTable::duplicate(std::uint64_t fd, std::uint64_t lowest, std::uint64_t limit,
                                           OnExec on_exec) {
    auto description = find_any(fd);
    if (!description) return fail(description.error());
    const auto target = find_free(lowest, limit);
    if (!target) return fail(target.error());
    put(*target, std::move(*description), on_exec);
    return *target;
}

Result<std::uint64_t> FileTable::duplicate_to(std::uint64_t fd, std::uint64_t target, std::uint64_t limit,
                                              OnExec on_exec) {
    const auto number = static_cast<std::uint32_t>(target);
    if (number >= limit) return fail(Errno::ebadf);
    auto description = find_any(fd);
    if (!description) return fail(description.error());
    put(number, std::move(*description), on_exec);
    return number;
}

void FileTable::close_on_exec() {
    for (Slot& slot : slots_) {
        if (slot.on_exec == OnExec::close) empty(slot);
    }
}

std::vector<std::uint32_t> FileTable::numbers() const {
    std::vector<std::uint32_t> used;
    for (std::size_t fd = 0; fd < slots_.size(); ++fd) {
        if (slots_[fd].description != nullptr) used.push_back(static_cast<std::uint32_t>(fd));
    }
    return used;
}

}  // namespace fl::kernel
