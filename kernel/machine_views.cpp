// MachineImplementation: what others see of the machine, and the checks of what has to be true of it.
#include "kernel/machine_implementation.hpp"
#include "kernel/userfaultfd.hpp"
#include "mm/verify.hpp"

namespace fl::kernel {

namespace {

// Which caches have objects in use.
std::string objects_text(const mm::SlabAllocator& slab) {
    std::string text = "of the slab allocator's caches are in use:";
    for (const auto& cache : slab.caches()) {
        if (cache->object_count() > 0) text += fmt::format(" {} {}", cache->name(), cache->object_count());
    }
    return text;
}

}  // namespace

void MachineImplementation::stop() {
    stopped_ = true;
    if (in_user_mode_) cpu_->request_stop();
}

Inspection MachineImplementation::inspection() const {
    Inspection inspection{.memory = memory_,
                          .faults = faults_,
                          .files = files_.files(),
                          .instructions = cpu_->retired_instructions(),
                          .time_ns = clock_.elapsed_ns(),
                          .costs = clock_.costs(),
                          .log = &kernel_.log};
    for (const auto& [pid, process] : processes_.all()) {
        if (process->threads.empty() || process->threads.front()->mm == nullptr) continue;
        const Task& task = *process->threads.front();
        inspection.processes.push_back({pid, task.name, task.mm.get()});
    }
    const System* system = current_ != nullptr && current_->task.mm != nullptr ? current_ : first_;
    if (system != nullptr) inspection.current_pid = system->task.pid;
    if (current_ == nullptr || current_->task.mm != nullptr) return inspection;
    const mm::MmStruct* active_mm = processes_.lazy_tlb().active_mm();
    inspection.borrower = Borrower{current_->task.pid, current_->task.name, active_mm};
    const std::uint32_t lender = active_mm != nullptr ? inspection.owner_of(*active_mm) : 0;
    if (lender != 0) inspection.current_pid = lender;
    return inspection;
}

WorkDone MachineImplementation::work_done() const {
    const mm::FaultCounters& counters = faults_.counters();
    return WorkDone{cpu_ ? cpu_->retired_instructions() : 0, counters.minor, counters.major};
}

mm::FaultOrigin MachineImplementation::fault_origin(emu::Mode mode) const {
    const VirtAddr instruction = mode == emu::Mode::user ? cpu_->instruction_pointer() : kernel_entry_;
    const Task* task = current_ != nullptr ? &current_->task : first_ != nullptr ? &first_->task : nullptr;
    return mm::FaultOrigin{clock_.elapsed_ns(), task != nullptr ? task->pid : 0, task != nullptr ? task->tid : 0,
                           instruction};
}

// The first of several that share it.
std::uint32_t MachineImplementation::owner_of(const mm::MmStruct& mm) const {
    for (const auto& [pid, process] : processes_.all()) {
        if (!process->threads.empty() && process->threads.front()->mm.get() == &mm) return pid;
    }
    return 0;
}

bool MachineImplementation::wait_for_userfault(const mm::Userfault& fault) {
    System& system = *current_;
    return std::static_pointer_cast<Userfaultfd>(fault.context)->wait(system, fault);
}

void MachineImplementation::before_fault(std::uint64_t sequence, const mm::MmStruct& mm, VirtAddr address) {
    if (options_.fault_observer != nullptr) options_.fault_observer->before_fault(sequence, mm, address);
}

// Only under Paranoia::every_step, and where a module or the flusher wants to hear of faults.
void MachineImplementation::on_fault(const mm::FaultEvent& event) {
    if (options_.fault_observer != nullptr) options_.fault_observer->on_fault(event);
    if (event.sequence >= kernel_.modules.next_fault()) stop_program_soon();
    flusher_.note_fault(*faults_.mm(), event);
    if (!paranoid()) return;
    check_invariants();
    if (!broken_.empty() && in_user_mode_) cpu_->request_stop();
}

void MachineImplementation::on_eviction(const mm::EvictionEvent& event) {
    if (options_.fault_observer != nullptr) options_.fault_observer->on_eviction(event);
}

void MachineImplementation::on_write_back(const mm::WriteBackEvent& event) {
    if (options_.fault_observer != nullptr) options_.fault_observer->on_write_back(event);
}

void MachineImplementation::check_walkers(const mm::MmStruct& mm) {
    const Pfn root = mm.page_table().root();
    if (walkers_.report().spaces == 0) walkers_.check(root, mm::WalkedHalf::kernel);
    walkers_.check(root, mm::WalkedHalf::user);
    if (broken_.empty()) broken_ = walkers_.report().disagreements;
}

void MachineImplementation::check_invariants() {
    // What is broken once stays broken: one report is enough.
    if (!broken_.empty()) return;
    std::vector<const mm::MmStruct*> all;
    for (const mm::MmStruct* mm : processes_.address_spaces()) all.push_back(mm);
    if (all.empty()) return;
    broken_ = mm::verify(memory_, all, files_.files());
    if (const auto wrong = ipc_.shm.inconsistency(all)) broken_.push_back(*wrong);
    if (const auto wrong = processes_.memory_inconsistency(memory_)) broken_.push_back(*wrong);
}

mm::MemorySample MachineImplementation::memory_sample() const {
    mm::MemorySample sample{.time_ns = clock_.elapsed_ns(),
                            .free_frames = memory_.buddy().free_page_count().value(),
                            .free_blocks = memory_.buddy().free_blocks(),
                            .processes = {}};
    reclaim_.gather(sample);
    for (const auto& [pid, process] : processes_.all()) {
        if (process->threads.empty() || process->threads.front()->mm == nullptr) continue;
        const mm::MmStruct& mm = *process->threads.front()->mm;
        sample.processes.push_back({.pid = pid,
                                    .anonymous = mm.rss().anonymous.value(),
                                    .file = mm.rss().file.value(),
                                    .shared_memory = mm.rss().shared_memory.value(),
                                    .swap = mm.swap_entries().value(),
                                    .page_tables = mm.page_table().table_count().value()});
    }
    return sample;
}

void MachineImplementation::gather_statistics(const mm::MmStruct& mm) {
    MachineStatistics& s = statistics_;
    s.faults = faults_.counters();
    s.total_frames = memory_.total_page_count();
    s.used_frames = memory_.used_page_count();
    s.peak_used_frames = memory_.peak_used_page_count();
    s.page_table_pages = mm.page_table().table_count();
    reclaim_.gather(s);
    s.huge_pages = memory_.huge_pages().counters;
    s.costs = clock_.costs();
    s.buddy_free_blocks = memory_.buddy().free_blocks();
    s.tlb = cpu_->tlb_stats();
    s.map_count = mm.map_count();
    s.rss = mm.rss();
    s.hiwater_rss = mm.hiwater_rss();
    s.vm = mm.vm();
    s.hiwater_vm = mm.hiwater_vm();
    s.system_calls = syscalls_->call_count();
    s.instructions = cpu_->retired_instructions();
    s.virtual_time_ns = clock_.elapsed_ns();
}

// Whatever exec and the programs took has come back. A file that an observer still holds keeps its cached pages.
void MachineImplementation::check_leaks() {
    if (!broken_.empty()) return;
    LiveObjects left = live_objects(processes_, scheduler_, futexes_);
    left.inodes = vfs_->take_apart();
    left.frames = frames_in_use();
    left.kernel_objects = slab_.object_count();
    LiveObjects expected = before_exec_;
    for (const auto& file : files_.files()) {
        expected.frames += file->cached_page_count().value();
        expected.kernel_objects += file->nodes().node_count();
    }
    broken_ = leftovers(expected, left);
    if (left.kernel_objects != expected.kernel_objects) broken_.push_back(objects_text(slab_));
    if (const PageCount used = reclaim_.swap().used_slot_count(); used > PageCount(0)) {
        broken_.push_back(fmt::format("{} swap slots are still in use", used.value()));
    }
}

}  // namespace fl::kernel
