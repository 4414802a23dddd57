#include "kernel/task_copies.hpp"

#include "kernel/vfs/file_description.hpp"

namespace fl::kernel {

namespace {

template <class Shared>
Result<std::shared_ptr<Shared>> copy_of(mm::PhysicalMemory& memory, mm::KernelObject kind, const Shared& from) {
    auto object = mm::new_kernel_object(memory, kind);
    if (!object) return fail(object.error());
    auto copy = std::make_shared<Shared>(from);
    copy->hold(std::move(*object));
    return copy;
}

}  // namespace

Result<std::shared_ptr<FileTable>> copy_files(mm::PhysicalMemory& memory, const FileTable& from) {
    return copy_of(memory, mm::KernelObject::files_cache, from);
}

Result<std::shared_ptr<FileSystemContext>> copy_fs(mm::PhysicalMemory& memory, const FileSystemContext& from) {
    return copy_of(memory, mm::KernelObject::fs_cache, from);
}

Result<void> account_first_task(mm::PhysicalMemory& memory, Task& task) {
    auto own = TaskMemory::create(memory);
    if (!own) return fail(own.error());
    auto of_process = ProcessMemory::create(memory);
    if (!of_process) return fail(of_process.error());
    auto files = mm::new_kernel_object(memory, mm::KernelObject::files_cache);
    if (!files) return fail(files.error());
    auto fs = mm::new_kernel_object(memory, mm::KernelObject::fs_cache);
    if (!fs) return fail(fs.error());
    for (const std::uint32_t fd : task.files->numbers()) {
        const auto file = task.files->find_any(fd);
        if (auto taken = (*file)->take_memory(memory); !taken) return taken;
    }
    task.memory = std::move(*own);
    task.process->memory = std::move(*of_process);
    task.files->hold(std::move(*files));
    task.fs->hold(std::move(*fs));
    return {};
}

}  // namespace fl::kernel
