// ProcFs: the files of /proc (Linux: fs/proc). Their texts are made when they are read, by generators that are
// registered here: add_*() for files of the whole system, add_process_*() for those that every /proc/PID has.
// proc_files.cpp registers them all.
//
// A description does not keep its text: the last few texts are kept for all of them together, so that open files
// cannot fill the host's memory. A text that is gone is made again, as Linux makes the part that a read asks for.
#pragma once

#include "kernel/vfs/file_description.hpp"

#include <deque>
#include <functional>
#include <string>

namespace fl::kernel {

struct Process;
struct Task;

// The text of a file. What fails here is what read(2) answers.
using ProcGenerator = std::function<Result<std::string>(const System&)>;
using ProcessGenerator = std::function<Result<std::string>(const System&, const Task&)>;
// Takes what write(2) brought (a page at most), or refuses it.
using ProcWriter = std::function<Result<void>(System&, std::string_view)>;
using ProcessWriter = std::function<Result<void>(System&, Task&, std::string_view)>;
// Opens a file that is more than a text (pagemap, mem): its own class of FileDescription.
using ProcOpener = std::function<Result<std::shared_ptr<FileDescription>>(System&, const DentryPointer&, int flags)>;
using ProcessOpener =
    std::function<Result<std::shared_ptr<FileDescription>>(System&, Task&, const DentryPointer&, int flags)>;
// A link that leads to a file itself, whatever its name is now (exe, cwd). ENOENT where there is none.
using ProcessLink = std::function<Result<DentryPointer>(const System&, const Task&)>;

// What a process that is over shows until it is waited for.
using ZombieGenerator = std::function<std::string(const System&, const Process&)>;
// An inode of its own kind below /proc/PID: a directory (fd).
using ProcessEntry = std::function<std::shared_ptr<Inode>(std::uint32_t pid)>;

// Who may open a file of a process.
enum class ProcAccess : std::uint8_t {
    by_mode,  // whom its permissions allow
    tracers,  // who might trace the process as well (ptrace_may_access)
    memory,   // the same, of a process that has memory (proc_mem_open): of a kernel thread ESRCH
};

// How much one read(2) answers (fs/seq_file.c).
enum class ProcReads : std::uint8_t {
    whole,  // as much as fits: files of one record (status, meminfo)
    lines,  // whole lines up to a page: a record for each line (maps)
};

// The texts that were made last: the newest, and others as long as there are not too many and they are not too long.
class ProcTexts {
public:
    static constexpr std::size_t max_texts = 16;
    static constexpr std::size_t max_bytes = std::size_t{64} << 20;

    std::weak_ptr<const std::string> keep(std::string text);

private:
    std::deque<std::shared_ptr<const std::string>> texts_;
    std::size_t size_bytes_ = 0;  // of all texts_
};

class ProcFs {
public:
    ProcFs(std::uint64_t max_inodes, std::uint64_t now_ns);
    ProcFs(const ProcFs&) = delete;
    ProcFs& operator=(const ProcFs&) = delete;
    ~ProcFs();

    // `path` below /proc: "version", "sys/vm/overcommit_memory"; its directories are made where they are missing.
    void add_file(std::string_view path, ProcGenerator generate, mode_t permissions = 0444,
                  ProcReads reads = ProcReads::whole);
    void add_writable_file(std::string_view path, ProcGenerator generate, ProcWriter write, mode_t permissions = 0644);
    void add_special_file(std::string_view path, ProcOpener open, mode_t permissions = 0400);
    void add_link(std::string_view path, std::string target);
    // `name` below /proc/PID and /proc/PID/task/TID.
    void add_process_file(std::string name, ProcessGenerator generate, mode_t permissions = 0444,
                          ProcReads reads = ProcReads::whole, ProcAccess access = ProcAccess::by_mode);
    void add_process_writable_file(std::string name, ProcessGenerator generate, ProcessWriter write,
                                   mode_t permissions = 0644);
    // For tracers alone.
    void add_process_special_file(std::string name, ProcessOpener open, mode_t permissions = 0400);
    void add_process_link(std::string name, ProcessLink target);
    void add_process_entry(std::string name, ProcessEntry make);
    // Below /proc/PID/task/TID alone.
    void add_thread_file(std::string name, ProcessGenerator generate, mode_t permissions = 0444);
    // What is left of /proc/PID of a zombie.
    void add_zombie_file(std::string name, ZombieGenerator generate);
    // Below /sys.
    void add_sys_file(std::string_view path, ProcGenerator generate);
    void add_writable_sys_file(std::string_view path, ProcGenerator generate, ProcWriter write,
                               mode_t permissions = 0644);

    // For entries' own kinds.
    std::shared_ptr<Inode> make_file(ProcGenerator generate, mode_t permissions);
    FileSystem& file_system() { return file_system_; }
    std::uint64_t made_ns() const { return now_ns_; }

    const std::shared_ptr<Inode>& root() const { return root_; }
    const std::shared_ptr<Inode>& sys_root() const { return sys_root_; }

private:
    class Root;
    class ProcessDirectory;
    class ThreadsDirectory;
    using Entries = std::vector<std::pair<std::string, ProcessEntry>>;

    static void add(Inode& root, std::string_view path, const std::shared_ptr<Inode>& inode);
    std::shared_ptr<Inode> file_of_process(std::uint32_t pid, const ProcessGenerator& generate,
                                           const ProcessWriter& write, mode_t permissions, ProcReads reads,
                                           ProcAccess access);

    FileSystem file_system_, sys_file_system_;
    std::uint64_t now_ns_;
    std::shared_ptr<Inode> root_, sys_root_;
    Entries process_entries_, thread_entries_, zombie_entries_;
    std::map<std::uint32_t, std::shared_ptr<Directory>> processes_;  // by PID, made when first asked for
    ProcTexts texts_;
};

// A thread, or of a process any thread; nullptr where it is over, or has no address space any more. A kernel thread has
// none from the start.
Task* find_proc_task(const System& system, std::uint32_t pid);

// Registers everything that /proc and /sys hold.
void add_proc_files(ProcFs& proc);

}  // namespace fl::kernel
