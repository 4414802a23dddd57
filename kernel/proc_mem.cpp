#include "kernel/proc_mem.hpp"

#include "kernel/process_access.hpp"
#include "kernel/ptrace_access.hpp"
#include "kernel/system.hpp"

#include <algorithm>
#include <array>

namespace fl::kernel {

namespace {

class MemDescription final : public FileDescription {
public:
    MemDescription(const DentryPointer& dentry, int flags, std::shared_ptr<HeldSpace> space)
        : FileDescription(dentry, flags), space_(std::move(space)) {}

    Result<std::uint64_t> read(System&, UserSegments& into, std::uint64_t& at) override {
        return transfer(into.bytes_left(), at, [&](VirtAddr address, std::span<std::byte> page) {
            const std::uint64_t got = space_->user().copy_from_remote(address, page, mm::Rights::overridden);
            if (got == 0) return Result<std::uint64_t>(fail(Errno::eio));
            return moved(into.copy_to_guest(page.first(got)), got);
        });
    }
    Result<std::uint64_t> write(System&, UserSegments& from, std::uint64_t& at) override {
        return transfer(from.bytes_left(), at, [&](VirtAddr address, std::span<std::byte> page) {
            const std::uint64_t got = from.copy_from_guest(page);
            if (got < page.size()) return Result<std::uint64_t>(fail(Errno::efault));
            const std::uint64_t put = space_->user().copy_to_remote(address, page, mm::Rights::overridden);
            return put != 0 ? Result<std::uint64_t>(put) : fail(Errno::eio);
        });
    }
    // mem_lseek(): every place is one, those of the kernel half as well.
    Result<std::uint64_t> seek(System&, std::int64_t offset, int whence) override {
        if (whence != SEEK_SET && whence != SEEK_CUR) return fail(Errno::einval);
        position = static_cast<std::uint64_t>(offset) + (whence == SEEK_CUR ? position : 0);
        return position;
    }

private:
    static Result<std::uint64_t> moved(std::uint64_t copied, std::uint64_t wanted) {
        return copied == wanted ? Result<std::uint64_t>(copied) : fail(Errno::efault);
    }

    // Page by page from `at` on; what worked before a failure is the answer.
    template <class Move>
    Result<std::uint64_t> transfer(std::uint64_t size_bytes, std::uint64_t& at, Move&& move) {
        // The process has ended, or become another program since.
        if (space_->is_abandoned()) return 0;
        const UsedSpace used(space_);
        std::array<std::byte, page_size> page;
        std::uint64_t done = 0;
        while (done < size_bytes) {
            const std::uint64_t part = std::min<std::uint64_t>(size_bytes - done, page.size());
            const auto count = move(VirtAddr(at), std::span(page).first(part));
            if (!count) return done > 0 ? Result<std::uint64_t>(done) : fail(count.error());
            done += *count;
            at += *count;
            if (*count < part) break;
        }
        return done;
    }

    std::shared_ptr<HeldSpace> space_;
};

}  // namespace

Result<std::shared_ptr<FileDescription>> open_mem(System& system, Task& task, const DentryPointer& dentry, int flags) {
    if (task.mm == nullptr) return fail(Errno::esrch);
    if (!may_ptrace(system.task, task, PtraceMode::file_system)) return fail(Errno::eacces);
    return std::make_shared<MemDescription>(dentry, flags, std::make_shared<HeldSpace>(task));
}

}  // namespace fl::kernel
