#include "kernel/procfs.hpp"

#include "kernel/processes.hpp"
#include "kernel/ptrace_access.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

namespace fl::kernel {

namespace {

constexpr std::uint64_t first_pid_position = 256;                        // FIRST_PROCESS_ENTRY
constexpr std::uint64_t proc_magic = 0x9fa0, sysfs_magic = 0x6265'6572;  // PROC_SUPER_MAGIC, SYSFS_MAGIC

std::optional<std::uint32_t> number_of(std::string_view name) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (name.empty() || error != std::errc{} || end != name.data() + name.size() || name.front() == '0') {
        return std::nullopt;
    }
    return number;
}

Task* find_task(const System& system, std::uint32_t pid) { return find_proc_task(system, pid); }

// Whose the files of a process are (task_dump_owner): root's where nobody is to look into it, but for the directories
// that show nothing.
Owner owner_of(const Process& process, mode_t mode) {
    constexpr mode_t open_directory = S_IFDIR | 0555;
    const Credentials& who = credentials_of(process);
    const bool shown = process.is_dumpable || mode == open_directory;
    return shown ? Owner{who.user.effective, who.group.effective} : Owner{};
}

using MayOpen = std::function<Result<void>(const System&)>;

// Whose file operations a text has, apart from what it says.
enum class TextKind : std::uint8_t {
    entry,      // of the whole system (proc_create)
    process,    // below /proc/PID
    setting,    // below /proc/sys (sysctl)
    attribute,  // below /sys (kernfs)
};

TextKind kind_below_proc(std::string_view path) {
    return path.starts_with("sys/") ? TextKind::setting : TextKind::entry;
}

// A file whose text a function makes.
class GeneratedFile final : public Inode {
public:
    GeneratedFile(FileSystem& file_system, mode_t permissions, std::uint64_t now_ns, ProcTexts& texts, TextKind kind,
                  ProcGenerator generate, ProcWriter write, ProcReads reads, MayOpen may_open = {})
        : Inode(file_system, S_IFREG | permissions, Owner{}, now_ns),
          texts_(texts),
          kind_(kind),
          generate_(std::move(generate)),
          write_(std::move(write)),
          reads_(reads),
          may_open_(std::move(may_open)) {}

    Result<std::shared_ptr<FileDescription>> open(System& system, const DentryPointer& dentry, int flags) override;
    std::uint64_t size_bytes() const override { return kind_ == TextKind::attribute ? page_size : 0; }
    bool ignores_resizing() const override { return true; }
    // proc_sys_permission(): the mode of a setting binds root as well.
    Result<void> check_access(const Credentials& who, unsigned wanted) const override {
        if (kind_ == TextKind::setting && !mode_gives(wanted)) return fail(Errno::eacces);
        return Inode::check_access(who, wanted);
    }

    TextKind kind() const { return kind_; }
    // A value that can be set, or at least its like.
    bool is_value() const { return kind_ == TextKind::setting || kind_ == TextKind::attribute; }
    std::weak_ptr<const std::string> keep(std::string text) { return texts_.keep(std::move(text)); }
    Result<std::string> generate(const System& system) const { return generate_(system); }
    const ProcWriter& writer() const { return write_; }
    ProcReads reads() const { return reads_; }
    Result<void> may_open(const System& system) const { return may_open_ ? may_open_(system) : Result<void>{}; }

private:
    bool mode_gives(unsigned wanted) const;

    ProcTexts& texts_;
    TextKind kind_;
    ProcGenerator generate_;
    ProcWriter write_;
    ProcReads reads_;
    MayOpen may_open_;
};

class GeneratedDescription final : public FileDescription {
public:
    GeneratedDescription(const DentryPointer& dentry, int flags, GeneratedFile& file)
        : FileDescription(dentry, flags), file_(file) {}

    Result<std::uint64_t> read(System& system, UserSegments& into, std::uint64_t& at) override {
        auto text = text_.lock();
        // A read from the start sees the present, as seq_read_iter() begins anew there.
        if (text == nullptr || at == 0) {
            auto made = file_.generate(system);
            if (!made) return fail(made.error());
            text_ = file_.keep(std::move(*made));
            text = text_.lock();
        }
        const std::string_view rest = std::string_view(*text).substr(std::min<std::uint64_t>(at, text->size()));
        const std::string_view part = rest.substr(0, count_of_one_read(rest, into.bytes_left()));
        const std::uint64_t copied = into.copy_to_guest(std::as_bytes(std::span(part)));
        if (copied == 0 && !part.empty()) return fail(Errno::efault);
        at += copied;
        return copied;
    }

    Result<std::uint64_t> write(System& system, UserSegments& from, std::uint64_t& at) override {
        if (!file_.writer()) return fail(Errno::eio);
        if (file_.kind() == TextKind::attribute && from.bytes_left() == 0) return 0;
        std::string text(std::min<std::uint64_t>(from.bytes_left(), page_size), '\0');
        if (from.copy_from_guest(std::as_writable_bytes(std::span(text))) < text.size()) return fail(Errno::efault);
        if (auto done = file_.writer()(system, text); !done) return fail(done.error());
        at += text.size();
        return text.size();
    }

    // seq_lseek(): there is no end to seek from. Settings and attributes have one, whatever their texts
    // (default_llseek, generic_file_llseek).
    Result<std::uint64_t> seek(System&, std::int64_t offset, int whence) override {
        if (whence != SEEK_SET && whence != SEEK_CUR && !(file_.is_value() && whence == SEEK_END))
            return fail(Errno::einval);
        const auto moved = moved_position(position, file_.size_bytes(), offset, whence);
        if (moved) position = *moved;
        return moved;
    }

    // proc_reg_write() is there whether the entry has one or not.
    bool can_write() const override { return static_cast<bool>(file_.writer()) || file_.kind() == TextKind::entry; }
    bool takes_splices() const override { return file_.is_value(); }
    // proc_reg_mmap()
    Result<Mappable> mappable(System&) override {
        return fail(file_.kind() == TextKind::entry ? Errno::eio : Errno::enodev);
    }

private:
    std::uint64_t count_of_one_read(std::string_view rest, std::uint64_t wanted) const {
        if (file_.reads() == ProcReads::whole || wanted <= page_size)
            return std::min<std::uint64_t>(rest.size(), wanted);
        if (rest.size() <= page_size) return rest.size();
        const std::size_t line_end = rest.rfind('\n', page_size - 1);
        return line_end == std::string_view::npos ? page_size : line_end + 1;
    }

    GeneratedFile& file_;  // the dentry keeps it
    std::weak_ptr<const std::string> text_;
};

Result<std::shared_ptr<FileDescription>> GeneratedFile::open(System& system, const DentryPointer& dentry, int flags) {
    if (auto may = may_open(system); !may) return fail(may.error());
    // kernfs_fop_open(): here, and nowhere else, the mode of an attribute binds root as well.
    const unsigned wanted =
        ((flags & O_ACCMODE) != O_WRONLY ? may_read : 0U) | ((flags & O_ACCMODE) != O_RDONLY ? may_write : 0U);
    if (kind_ == TextKind::attribute && !mode_gives(wanted)) return fail(Errno::eacces);
    return std::make_shared<GeneratedDescription>(dentry, flags, *this);
}

// To anybody at all.
bool GeneratedFile::mode_gives(unsigned wanted) const {
    if ((wanted & may_read) != 0 && (mode() & (S_IRUSR | S_IRGRP | S_IROTH)) == 0) return false;
    return (wanted & may_write) == 0 || (mode() & (S_IWUSR | S_IWGRP | S_IWOTH)) != 0;
}

class SpecialFile final : public Inode {
public:
    SpecialFile(FileSystem& file_system, mode_t permissions, std::uint64_t now_ns, ProcOpener opener)
        : Inode(file_system, S_IFREG | permissions, Owner{}, now_ns), opener_(std::move(opener)) {}
    Result<std::shared_ptr<FileDescription>> open(System& system, const DentryPointer& dentry, int flags) override {
        return opener_(system, dentry, flags);
    }

private:
    ProcOpener opener_;
};

// A link whose text a function makes (self).
class TextLink final : public SymbolicLink {
public:
    TextLink(FileSystem& file_system, std::uint64_t now_ns, ProcGenerator generate)
        : SymbolicLink(file_system, Owner{}, now_ns), generate_(std::move(generate)) {}
    Result<std::string> text(const System& system) const override { return generate_(system); }

private:
    ProcGenerator generate_;
};

// A link that leads to a file and not to its name.
class DirectLink final : public SymbolicLink {
public:
    using Finder = std::function<Result<DentryPointer>(const System&)>;
    DirectLink(FileSystem& file_system, std::uint64_t now_ns, Finder find)
        : SymbolicLink(file_system, Owner{}, now_ns), find_(std::move(find)) {}
    Result<std::string> text(const System& system) const override {
        const auto dentry = find_(system);
        if (!dentry) return fail(dentry.error());
        return (*dentry)->path();
    }
    Result<Target> follow(const System& system) const override {
        auto dentry = find_(system);
        if (!dentry) return fail(dentry.error());
        return Target(std::move(*dentry));
    }

private:
    Finder find_;
};

// A directory whose inodes live as long as it does, and whose dentries are made when they are asked for.
class ProcDirectory : public Directory {
public:
    ProcDirectory(FileSystem& file_system, std::uint64_t now_ns) : Directory(file_system, 0555, Owner{}, now_ns) {}

    DentryPointer find(const System&, const DentryPointer& self, std::string_view name) override {
        const auto inode = entry(name);
        return inode != nullptr ? std::make_shared<Dentry>(std::string(name), self, inode) : nullptr;
    }
    std::vector<DirectoryEntry> list(const System&) override {
        std::vector<DirectoryEntry> entries;
        for (const auto& [name, inode] : entries_) {
            entries.push_back({name, inode->number(), inode->mode() & S_IFMT, entries.size() + 2});
        }
        return entries;
    }
    std::shared_ptr<Inode> entry(std::string_view name) const {
        for (const auto& [known, inode] : entries_) {
            if (known == name) return inode;
        }
        return nullptr;
    }
    const std::vector<std::pair<std::string, std::shared_ptr<Inode>>>& entries() const { return entries_; }
    void set_entry(std::string_view name, const std::shared_ptr<Inode>& inode) {
        std::erase_if(entries_, [name](const auto& known) { return known.first == name; });
        entries_.emplace_back(name, inode);
    }

private:
    std::vector<std::pair<std::string, std::shared_ptr<Inode>>> entries_;
};

}  // namespace

std::weak_ptr<const std::string> ProcTexts::keep(std::string text) {
    size_bytes_ += text.size();
    texts_.push_back(std::make_shared<const std::string>(std::move(text)));
    while (texts_.size() > 1 && (texts_.size() > max_texts || size_bytes_ > max_bytes)) {
        size_bytes_ -= texts_.front()->size();
        texts_.pop_front();
    }
    return texts_.back();
}

// /proc/PID, and with another name /proc/PID/task/TID.
class ProcFs::ProcessDirectory final : public ProcDirectory {
public:
    ProcessDirectory(ProcFs& proc, std::uint32_t pid, const Entries& entries)
        : ProcDirectory(proc.file_system_, proc.now_ns_) {
        for (const auto& [name, make] : entries) set_entry(name, make(pid));
    }
    // The process may have become somebody else since.
    void set_owners(const Process& process) {
        set_owner(owner_of(process, mode()));
        for (const auto& [name, inode] : entries()) inode->set_owner(owner_of(process, inode->mode()));
    }
};

// /proc/PID/task.
class ProcFs::ThreadsDirectory final : public ProcDirectory {
public:
    ThreadsDirectory(ProcFs& proc, std::uint32_t pid)
        : ProcDirectory(proc.file_system_, proc.now_ns_), proc_(proc), pid_(pid) {}
    std::vector<DirectoryEntry> list(const System& system) override {
        std::vector<DirectoryEntry> entries;
        const Process* process = system.processes.find_process(pid_);
        if (process == nullptr) return entries;
        for (const Task* thread : process->threads) {
            entries.push_back(
                {std::to_string(thread->tid), number() + thread->tid, S_IFDIR, std::uint64_t{thread->tid} + 2});
        }
        std::ranges::sort(entries, {}, &DirectoryEntry::position);
        return entries;
    }
    DentryPointer find(const System& system, const DentryPointer& self, std::string_view name) override {
        const auto tid = number_of(name);
        const System* thread = tid ? system.processes.find_task(*tid) : nullptr;
        if (thread == nullptr || thread->task.pid != pid_) return nullptr;
        std::erase_if(threads_, [&](const auto& known) { return system.processes.find_task(known.first) == nullptr; });
        auto& directory = threads_[*tid];
        if (directory == nullptr) {
            directory = std::make_shared<ProcessDirectory>(proc_, *tid, proc_.process_entries_);
            for (const auto& [entry, make] : proc_.thread_entries_) directory->set_entry(entry, make(*tid));
        }
        directory->set_owners(*thread->task.process);
        return std::make_shared<Dentry>(std::string(name), self, directory);
    }

private:
    ProcFs& proc_;
    std::uint32_t pid_;
    std::map<std::uint32_t, std::shared_ptr<ProcessDirectory>> threads_;
};

class ProcFs::Root final : public ProcDirectory {
public:
    explicit Root(ProcFs& proc) : ProcDirectory(proc.file_system_, proc.now_ns_), proc_(proc) { set_number(1); }

    DentryPointer find(const System& system, const DentryPointer& self, std::string_view name) override {
        if (auto found = ProcDirectory::find(system, self, name)) return found;
        const auto pid = number_of(name);
        if (!pid) return nullptr;
        const Task* task = find_task(system, *pid);
        const Process* process = task != nullptr ? task->process.get() : system.processes.find_process(*pid);
        if (process == nullptr || *pid == 1) return nullptr;
        return std::make_shared<Dentry>(std::string(name), self, directory_of(system, *pid, *process));
    }
    std::vector<DirectoryEntry> list(const System& system) override {
        auto entries = ProcDirectory::list(system);
        for (const auto& [pid, process] : system.processes.all()) {
            if (pid == 1) continue;
            entries.push_back({std::to_string(pid), directory_of(system, pid, *process)->number(), S_IFDIR,
                               first_pid_position + pid});
        }
        return entries;
    }
    // What the tree is taken apart for goes: no dentry of /proc stays, but the inodes of processes did.
    std::vector<DentryPointer> take_children() override {
        proc_.processes_.clear();
        return {};
    }

private:
    // Those that belong to nobody any more go, so that numbers do not fill the host's memory.
    void sweep(const System& system) {
        constexpr std::size_t few = 64;
        if (proc_.processes_.size() < few) return;
        std::erase_if(proc_.processes_, [&](const auto& known) {
            return find_task(system, known.first) == nullptr && system.processes.find_process(known.first) == nullptr;
        });
    }
    std::shared_ptr<ProcessDirectory> directory_of(const System& system, std::uint32_t pid, const Process& process) {
        if (process.threads.empty()) {
            auto zombie = std::make_shared<ProcessDirectory>(proc_, pid, proc_.zombie_entries_);
            zombie->set_owners(process);
            return zombie;
        }
        sweep(system);
        auto& known = proc_.processes_[pid];
        if (known == nullptr) {
            auto made = std::make_shared<ProcessDirectory>(proc_, pid, proc_.process_entries_);
            made->set_entry("task", std::make_shared<ThreadsDirectory>(proc_, process.pid));
            known = std::move(made);
        }
        auto directory = std::static_pointer_cast<ProcessDirectory>(known);
        directory->set_owners(process);
        return directory;
    }

    ProcFs& proc_;
};

Task* find_proc_task(const System& system, std::uint32_t pid) {
    if (System* found = system.processes.find_task(pid)) {
        Task& task = found->task;
        return task.mm != nullptr || task.is_kernel_thread() ? &task : nullptr;
    }
    const Process* process = system.processes.find_process(pid);
    return process != nullptr && !process->threads.empty() ? process->threads.front() : nullptr;
}

ProcFs::ProcFs(std::uint64_t max_inodes, std::uint64_t now_ns)
    : file_system_{.type = "proc",
                   .device_major = 0,
                   .device_minor = 22,
                   .magic = proc_magic,
                   .max_inodes = max_inodes,
                   .block_bytes = 1024},
      sys_file_system_{
          .type = "sysfs", .device_major = 0, .device_minor = 23, .magic = sysfs_magic, .max_inodes = max_inodes},
      now_ns_(now_ns),
      root_(std::make_shared<Root>(*this)),
      sys_root_(std::make_shared<ProcDirectory>(sys_file_system_, now_ns)) {
    const auto link = [this](const char* name, ProcGenerator text) {
        add(*root_, name, std::make_shared<TextLink>(file_system_, now_ns_, std::move(text)));
    };
    link("self", [](const System& system) { return std::to_string(system.task.pid); });
    link("thread-self",
         [](const System& system) { return fmt::format("{}/task/{}", system.task.pid, system.task.tid); });
}

ProcFs::~ProcFs() = default;

void ProcFs::add(Inode& root, std::string_view path, const std::shared_ptr<Inode>& inode) {
    auto* directory = dynamic_cast<ProcDirectory*>(&root);
    FL_ASSERT(directory != nullptr);
    for (std::size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/')) {
        const std::string_view name = path.substr(0, slash);
        if (directory->entry(name) == nullptr) {
            directory->set_entry(name, std::make_shared<ProcDirectory>(root.file_system(), root.changed_ns));
        }
        auto* below = dynamic_cast<ProcDirectory*>(directory->entry(name).get());
        FL_ASSERT(below != nullptr);
        directory = below;
        path.remove_prefix(slash + 1);
    }
    directory->set_entry(path, inode);
}

void ProcFs::add_file(std::string_view path, ProcGenerator generate, mode_t permissions, ProcReads reads) {
    add(*root_, path,
        std::make_shared<GeneratedFile>(file_system_, permissions, now_ns_, texts_, kind_below_proc(path),
                                        std::move(generate), ProcWriter{}, reads));
}

void ProcFs::add_writable_file(std::string_view path, ProcGenerator generate, ProcWriter write, mode_t permissions) {
    add(*root_, path,
        std::make_shared<GeneratedFile>(file_system_, permissions, now_ns_, texts_, kind_below_proc(path),
                                        std::move(generate), std::move(write), ProcReads::whole));
}

void ProcFs::add_special_file(std::string_view path, ProcOpener open, mode_t permissions) {
    add(*root_, path, std::make_shared<SpecialFile>(file_system_, permissions, now_ns_, std::move(open)));
}

void ProcFs::add_link(std::string_view path, std::string target) {
    add(*root_, path, std::make_shared<TextLink>(file_system_, now_ns_, [target = std::move(target)](const System&) {
        return target;
    }));
}

void ProcFs::add_sys_file(std::string_view path, ProcGenerator generate) {
    add(*sys_root_, path,
        std::make_shared<GeneratedFile>(sys_file_system_, 0444, now_ns_, texts_, TextKind::attribute,
                                        std::move(generate), ProcWriter{}, ProcReads::whole));
}

void ProcFs::add_writable_sys_file(std::string_view path, ProcGenerator generate, ProcWriter write,
                                   mode_t permissions) {
    add(*sys_root_, path,
        std::make_shared<GeneratedFile>(sys_file_system_, permissions, now_ns_, texts_, TextKind::attribute,
                                        std::move(generate), std::move(write), ProcReads::whole));
}

std::shared_ptr<Inode> ProcFs::make_file(ProcGenerator generate, mode_t permissions) {
    return std::make_shared<GeneratedFile>(file_system_, permissions, now_ns_, texts_, TextKind::process,
                                           std::move(generate), ProcWriter{}, ProcReads::whole);
}

std::shared_ptr<Inode> ProcFs::file_of_process(std::uint32_t pid, const ProcessGenerator& generate,
                                               const ProcessWriter& write, mode_t permissions, ProcReads reads,
                                               ProcAccess access) {
    const auto of_process = [generate, pid](const System& system) -> Result<std::string> {
        const Task* task = find_task(system, pid);
        return task != nullptr ? generate(system, *task) : fail(Errno::esrch);
    };
    ProcWriter to_process;
    if (write) {
        to_process = [write, pid](System& system, std::string_view text) -> Result<void> {
            Task* task = find_task(system, pid);
            return task != nullptr ? write(system, *task, text) : fail(Errno::esrch);
        };
    }
    MayOpen may_open;
    if (access != ProcAccess::by_mode) {
        may_open = [pid, access](const System& system) -> Result<void> {
            const Task* task = find_task(system, pid);
            if (task == nullptr || (access == ProcAccess::memory && task->mm == nullptr)) return fail(Errno::esrch);
            return may_ptrace(system.task, *task, PtraceMode::file_system) ? Result<void>{} : fail(Errno::eacces);
        };
    }
    return std::make_shared<GeneratedFile>(file_system_, permissions, now_ns_, texts_, TextKind::process, of_process,
                                           std::move(to_process), reads, std::move(may_open));
}

void ProcFs::add_process_file(std::string name, ProcessGenerator generate, mode_t permissions, ProcReads reads,
                              ProcAccess access) {
    add_process_entry(std::move(name),
                      [this, generate = std::move(generate), permissions, reads, access](std::uint32_t pid) {
                          return file_of_process(pid, generate, ProcessWriter{}, permissions, reads, access);
                      });
}

void ProcFs::add_process_writable_file(std::string name, ProcessGenerator generate, ProcessWriter write,
                                       mode_t permissions) {
    add_process_entry(std::move(name), [this, generate = std::move(generate), write = std::move(write),
                                        permissions](std::uint32_t pid) {
        return file_of_process(pid, generate, write, permissions, ProcReads::whole, ProcAccess::by_mode);
    });
}

void ProcFs::add_process_entry(std::string name, ProcessEntry make) {
    process_entries_.emplace_back(std::move(name), std::move(make));
}

void ProcFs::add_thread_file(std::string name, ProcessGenerator generate, mode_t permissions) {
    thread_entries_.emplace_back(
        std::move(name), [this, generate = std::move(generate), permissions](std::uint32_t tid) {
            return file_of_process(tid, generate, ProcessWriter{}, permissions, ProcReads::whole, ProcAccess::by_mode);
        });
}

void ProcFs::add_zombie_file(std::string name, ZombieGenerator generate) {
    zombie_entries_.emplace_back(std::move(name), [this, generate = std::move(generate)](std::uint32_t pid) {
        const auto of_zombie = [generate, pid](const System& system) -> Result<std::string> {
            const Process* process = system.processes.find_process(pid);
            return process != nullptr ? Result<std::string>(generate(system, *process)) : fail(Errno::esrch);
        };
        return make_file(of_zombie, 0444);
    });
}

void ProcFs::add_process_special_file(std::string name, ProcessOpener open, mode_t permissions) {
    process_entries_.emplace_back(
        std::move(name), [this, open = std::move(open), permissions](std::uint32_t pid) -> std::shared_ptr<Inode> {
            const auto of_process = [open, pid](System& system, const DentryPointer& dentry,
                                                int flags) -> Result<std::shared_ptr<FileDescription>> {
                Task* task = find_task(system, pid);
                if (task == nullptr) return fail(Errno::esrch);
                if (!may_ptrace(system.task, *task, PtraceMode::file_system)) return fail(Errno::eacces);
                return open(system, *task, dentry, flags);
            };
            return std::make_shared<SpecialFile>(file_system_, permissions, now_ns_, of_process);
        });
}

void ProcFs::add_process_link(std::string name, ProcessLink target) {
    process_entries_.emplace_back(
        std::move(name), [this, target = std::move(target)](std::uint32_t pid) -> std::shared_ptr<Inode> {
            const auto of_process = [target, pid](const System& system) -> Result<DentryPointer> {
                const Task* task = find_task(system, pid);
                if (task == nullptr) return fail(Errno::enoent);
                if (!may_ptrace(system.task, *task, PtraceMode::file_system)) return fail(Errno::eacces);
                return target(system, *task);
            };
            return std::make_shared<DirectLink>(file_system_, now_ns_, of_process);
        });
}

}  // namespace fl::kernel
