#include "kernel_support.hpp"

#include "kernel/process_timers.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

namespace fl::test {

namespace {

emu::Ram make_ram(PageCount frames) {
    auto ram = emu::Ram::create(frames);
    REQUIRE(ram.has_value());
    return std::move(*ram);
}

}  // namespace

HostPipe::HostPipe() {
    REQUIRE(::pipe(ends_.data()) == 0);
    REQUIRE(::fcntl(ends_[0], F_SETFL, O_NONBLOCK) == 0);
}

HostPipe::~HostPipe() {
    close_read_end();
    ::close(ends_[1]);
}

void HostPipe::close_read_end() {
    if (ends_[0] >= 0) ::close(ends_[0]);
    ends_[0] = -1;
}

void HostPipe::put(const std::string& text) const {
    REQUIRE(::write(ends_[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

std::string HostPipe::take() const {
    std::string text(1 << 16, '\0');
    const ssize_t got = ::read(ends_[0], text.data(), text.size());
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return text;
}

TestSystem::TestSystem(PageCount frames, kernel::strace::LogOptions strace)
    : ram_(make_ram(frames)),
      memory_(ram_),
      files_(memory_),
      mmu_(ram_),
      faults_(memory_),
      used_before_(memory_.used_page_count()),
      clock_(kernel::ClockMode::virtual_time, work_),
      random_(1),
      vfs_(std::in_place, files_, memory_.total_page_count(), clock_.realtime_ns()),
      scheduler_(clock_,
                 [this](kernel::Task& task) {
                     processes_.lazy_tlb().switch_to(task);
                     faults_.set_mm(task.mm.get());
                 }),
      ipc_(clock_, [this] { return task_.pid; }),
      processes_(scheduler_, kernel::ProcessesOptions{.run =
                                                          [this](kernel::System& system) {
                                                              if (task_work) task_work(system);
                                                              system.task.exit_with(0);
                                                          },
                                                      .at_end = {},
                                                      .too_many = {}}),
      system_{task_, cpu_,       clock_,     random_,  memory_, faults_, *vfs_,
              mmu_,  scheduler_, processes_, futexes_, ipc_,    nullptr, {}},
      dispatcher_(std::move(strace)) {
    task_.scheduler = &scheduler_;
    scheduler_.set_current(task_);
    processes_.adopt(system_);
    auto mm = mm::MmStruct::create(memory_, files_, task_.memory_limits());
    REQUIRE(mm.has_value());
    task_.mm = std::move(*mm);
    processes_.track(task_.mm);
    task_.user_memory = std::make_unique<mm::UserMemory>(mmu_, faults_, *task_.mm);
    faults_.set_mm(task_.mm.get());
    processes_.lazy_tlb().switch_to(task_);
    task_.executable = "/bin/guest";
    task_.fs = std::make_shared<kernel::FileSystemContext>(kernel::FileSystemContext{vfs_->root(), vfs_->root()});
    struct stat status {};
    status.st_mode = S_IFREG | 0755;
    std::vector<std::byte> content(5000, std::byte{'x'});
    status.st_size = static_cast<off_t>(content.size());
    auto executable = files_.open(mm::memory_file_source(std::move(content)), mm::FileIdentity{task_.executable});
    task_.exe_file = vfs_->add_executable(task_.executable, status, std::move(executable));
    REQUIRE(map(data, data_bytes, mm::prot_read | mm::prot_write) == data);
    REQUIRE(map(read_only, page_size, mm::prot_read) == read_only);
}

TestSystem::~TestSystem() {
    // Tasks that clone(2) made come to their ends.
    while (processes_.task_count() > 1) {
        scheduler_.run_one();
        processes_.bury();
    }
    const auto spaces = processes_.address_spaces();
    const std::vector<const mm::MmStruct*> all(spaces.begin(), spaces.end());
    CHECK(mm::verify(memory_, all, files_.files()) == std::vector<std::string>{});
    CHECK(ipc_.shm.inconsistency(all).value_or("") == "");
    faults_.set_mm(nullptr);
    processes_.lazy_tlb().stop();
    task_.signals.set_timer_signals(nullptr);
    task_.process->timers.reset();
    task_.user_memory.reset();
    kernel::Processes::put_mm(std::exchange(task_.mm, nullptr));
    task_.files.reset();
    task_.fs.reset();
    task_.exe_file.reset();
    vfs_.reset();
    CHECK(memory_.used_page_count() == used_before_);
}

void TestSystem::add_swap(PageCount slots) {
    auto device = mm::SwapDevice::create({.slots = slots, .file = ""});
    REQUIRE(device.has_value());
    swap_ = *std::move(device);
    mm::ReclaimOptions options;
    options.policy.info = replacement::find_policy("fifo");
    REQUIRE(options.policy.info != nullptr);
    auto made = mm::Reclaimer::create(memory_, swap_.get(), options);
    REQUIRE(made.has_value());
    reclaimer_ = *std::move(made);
}

std::uint64_t TestSystem::map(std::uint64_t address, std::uint64_t size_bytes, std::uint64_t prot) {
    mm::MapRequest request;
    request.hint = VirtAddr(address);
    request.length_bytes = size_bytes;
    request.prot = prot;
    request.flags = mm::map_private | mm::map_anonymous | mm::map_fixed;
    const auto mapped = task_.mm->map(request);
    return mapped ? mapped->value() : 0;
}

std::int64_t TestSystem::call(std::uint64_t number, std::initializer_list<std::uint64_t> arguments) {
    emu::Registers& r = task_.registers;
    const std::array<std::uint64_t*, 6> slots = {&r.rdi, &r.rsi, &r.rdx, &r.r10, &r.r8, &r.r9};
    for (std::uint64_t* slot : slots) *slot = 0;
    std::size_t index = 0;
    for (const std::uint64_t argument : arguments) *slots[index++] = argument;
    r.rax = number;
    dispatcher_.dispatch(system_);
    return static_cast<std::int64_t>(r.rax);
}

void TestSystem::put_text(std::uint64_t address, const std::string& text) {
    const auto bytes = std::as_bytes(std::span(text.c_str(), text.size() + 1));
    REQUIRE(user().copy_to(VirtAddr(address), bytes).has_value());
}

std::string TestSystem::get_text(std::uint64_t address, std::size_t size) {
    std::string text(size, '\0');
    REQUIRE(user().copy_from(VirtAddr(address), std::as_writable_bytes(std::span(text))).has_value());
    return text;
}

}  // namespace fl::test
