#include "kernel/exec.hpp"

#include "kernel/process_timers.hpp"
#include "kernel/processes.hpp"
#include "kernel/task_copies.hpp"
#include "kernel/thp_disabled.hpp"
#include "kernel/vfs/path.hpp"
#include "kernel/vfs/regular_file.hpp"
#include "loader/exec.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace fl::kernel {

namespace {

constexpr std::size_t comm_length = 15;    // TASK_COMM_LEN without the NUL
constexpr std::size_t header_bytes = 256;  // BINPRM_BUF_SIZE
constexpr int max_interpreters = 5;

std::string comm_of(std::string_view path) {
    return std::string(path.substr(path.rfind('/') + 1).substr(0, comm_length));
}

// "#! interpreter argument": the interpreter and, where there is one, the argument; load_script() splits no further.
struct Script {
    std::string interpreter, argument;
};

std::optional<Script> parse_script(std::string_view header) {
    if (!header.starts_with("#!")) return std::nullopt;
    const std::size_t end = header.find('\n');
    // An interpreter's name that is cut off must not name another file.
    if (end == std::string_view::npos &&
        header.substr(2).find_first_of(" \t", header.find_first_not_of(" \t", 2)) == std::string_view::npos &&
        header.size() == header_bytes) {
        return Script{};
    }
    std::string_view line = header.substr(2, end == std::string_view::npos ? end : end - 2);
    const auto trim = [](std::string_view text) {
        const std::size_t first = text.find_first_not_of(" \t");
        if (first == std::string_view::npos) return std::string_view();
        return text.substr(first, text.find_last_not_of(" \t") + 1 - first);
    };
    line = trim(line.substr(0, line.find('\0')));
    const std::size_t gap = line.find_first_of(" \t");
    Script script{std::string(line.substr(0, gap)), {}};
    if (gap != std::string_view::npos) script.argument = trim(line.substr(gap));
    return script;
}

Result<std::shared_ptr<mm::File>> executable_file(const System& system, const DentryPointer& dentry) {
    const Inode& inode = *dentry->inode;
    if (!S_ISREG(inode.mode())) return fail(Errno::eacces);
    const Task& task = system.task;
    if (auto allowed = inode.check_access(task.credentials, may_exec); !allowed) return fail(allowed.error());
    // Root may do what somebody may.
    if ((inode.mode() & 0111) == 0) return fail(Errno::eacces);
    RegularFile* regular = dentry->inode->regular_file();
    if (regular == nullptr) return fail(Errno::eacces);
    return regular->file();
}

// Takes the place of the script: its interpreter, with the script's path as an argument.
Result<void> enter_interpreter(const System& system, ExecRequest& request, const Script& script) {
    if (script.interpreter.empty()) return fail(Errno::enoexec);
    std::vector<std::string> argv{script.interpreter};
    if (!script.argument.empty()) argv.push_back(script.argument);
    argv.push_back(request.path);
    if (!request.argv.empty()) argv.insert(argv.end(), request.argv.begin() + 1, request.argv.end());
    request.argv = std::move(argv);
    request.path = script.interpreter;
    PathWalk walk(system, system.task.fs->working_directory);
    const auto found = walk.resolve(script.interpreter, FollowLast::yes);
    if (!found) return fail(found.error());
    request.file = *found;
    return {};
}

// Who shares its directory or its address space with others could change under the new program's feet.
ExecPrivileges privileges_of(const Task& task) {
    const bool is_shared = static_cast<std::size_t>(task.fs.use_count()) > task.process->threads.size();
    return task.no_new_privileges || is_shared ? ExecPrivileges::none_new : ExecPrivileges::full;
}

loader::ProgramRights rights_of(const ExecCredentials& credentials) {
    const Credentials& who = credentials.credentials;
    return {who.user.real, who.user.effective, who.group.real, who.group.effective, credentials.is_secure};
}

// begin_new_exec() and setup_new_exec(), of what depends on who it is.
void take_credentials(Task& task, ExecCredentials&& after) {
    const Identity &user = after.credentials.user, &group = after.credentials.group;
    task.process->is_dumpable = !after.is_secure && user.effective == user.real && group.effective == group.real;
    if (after.is_secure) task.parent_death_signal = 0;
    task.credentials = std::move(after.credentials);
    task.mm->limits() = task.memory_limits();
}

}  // namespace

tl::expected<void, std::string> load_into_task(System& system, const ExecRequest& request,
                                               const std::shared_ptr<mm::File>& file, const loader::ElfImage& image) {
    Task& task = system.task;
    auto created = mm::MmStruct::create(system.memory, system.vfs.files(), task.memory_limits());
    if (!created) return tl::unexpected(std::string("not enough memory for a page table"));
    std::shared_ptr<mm::MmStruct> mm = std::move(*created);
    mm->set_thp_disabled(thp_disabled(*task.process));
    auto user = std::make_shared<mm::UserMemory>(system.mmu, system.faults, *mm);
    const auto use = [&system](const mm::MmStruct* which) {
        system.faults.set_mm(const_cast<mm::MmStruct*>(which));
        if (which != nullptr) system.cpu.set_root(which->page_table().root());
        system.cpu.flush_tlb();
    };
    // Whoever looks on while the program is loaded sees its address space.
    const auto old = std::exchange(task.mm, mm);
    const auto old_user = std::exchange(task.user_memory, user);
    system.processes.track(mm);
    const std::string old_name = std::exchange(task.name, comm_of(request.path));
    system.processes.observers().tell_exec(task.process->pid, request.path);
    use(mm.get());
    loader::ProgramArguments arguments{request.path, request.argv, request.environment, {}, request.rights};
    system.random.fill(arguments.random_bytes);
    const auto loaded = loader::load_program(*mm, *user, file, image, *system.vdso, arguments);
    if (!loaded) {
        task.name = old_name;
        task.mm = old;
        task.user_memory = old_user;
        use(old.get());
        return tl::unexpected(loaded.error());
    }
    system.processes.observers().tell_mappings(task.process->pid, *mm);
    // A program that got this far although frames ran out on the way is not killed for it later.
    (void)system.faults.take_oom();
    if (old != nullptr) Processes::put_mm(old);
    task.exe_file = request.file;
    task.registers = emu::Registers{};
    task.registers.rip = loaded->entry.value();
    task.registers.rsp = loaded->stack_pointer.value();
    return {};
}

Result<void> execute(System& system, ExecRequest request) {
    Task& task = system.task;
    std::shared_ptr<mm::File> file;
    for (int depth = 0;; ++depth) {
        if (depth > max_interpreters) return fail(Errno::eloop);
        auto found = executable_file(system, request.file);
        if (!found) return fail(found.error());
        file = std::move(*found);
        std::array<std::byte, header_bytes> header{};
        const auto got = file->read(0, header);
        if (!got) return fail(got.error());
        const std::string_view text(reinterpret_cast<const char*>(header.data()), *got);
        const auto script = parse_script(text);
        if (!script) break;
        if (auto entered = enter_interpreter(system, request, *script); !entered) return entered;
    }
    if (request.argv.empty()) request.argv.emplace_back();
    const auto image = loader::parse_elf(*file);
    if (!image || system.vdso == nullptr) return fail(Errno::enoexec);
    const Inode& inode = *request.file->inode;
    ExecCredentials credentials =
        credentials_after_exec(task.credentials, inode.owner(), inode.mode(), privileges_of(task));
    request.rights = rights_of(credentials);
    if (auto alone = system.processes.end_other_threads(system); !alone) return alone;
    system.processes.release_memory(system);
    // unshare_files(): who has it alone keeps it, and with it its record locks.
    auto files = task.files.use_count() > 1 ? copy_files(system.memory, *task.files) : task.files;
    if (!files) return fail(files.error());
    auto fs = copy_fs(system.memory, *task.fs);
    if (!fs) return fail(fs.error());
    if (auto loaded = load_into_task(system, request, file, *image); !loaded) return fail(Errno::enomem);

    // From here on it is another program (begin_new_exec).
    Process& process = *task.process;
    task.pid = process.pid;
    process.has_executed = true;
    process.is_dumpable = true;
    task.executable = file->identity().path;
    take_credentials(task, std::move(credentials));
    task.signals.reset_for_exec();
    if (process.timers != nullptr) process.timers->posix().clear();
    task.files = std::move(*files);
    task.files->close_on_exec();
    task.fs = std::move(*fs);
    task.rseq.reset();
    task.set_child_tid = 0;
    task.restart_call.reset();
    system.cpu.set_fpu_state(emu::FpuState{});
    return {};
}

}  // namespace fl::kernel
