#include "kernel/userfaultfd.hpp"

#include "kernel/path_argument.hpp"
#include "kernel/system.hpp"

#include <algorithm>

namespace fl::kernel {

namespace {

constexpr int shared_flags = O_CLOEXEC | O_NONBLOCK;  // UFFD_SHARED_FCNTL_FLAGS
constexpr int user_mode_only = 1;                     // UFFD_USER_MODE_ONLY

// userfault_msg()
uffd_msg message_of(const mm::Userfault& fault, const Task& task) {
    uffd_msg message{};
    message.event = UFFD_EVENT_PAGEFAULT;
    const bool exact = fault.context->has(mm::uffd_feature_exact_address);
    message.arg.pagefault.address = (exact ? fault.address : fault.address.page_floor()).value();
    std::uint64_t flags = 0;
    if (fault.access == emu::Access::write) flags |= UFFD_PAGEFAULT_FLAG_WRITE;
    if (fault.reason == mm::UserfaultReason::write_protected) flags |= UFFD_PAGEFAULT_FLAG_WP;
    if (fault.reason == mm::UserfaultReason::minor) flags |= UFFD_PAGEFAULT_FLAG_MINOR;
    message.arg.pagefault.flags = flags;
    if (fault.context->has(mm::uffd_feature_thread_id)) message.arg.pagefault.feat.ptid = task.tid;
    return message;
}

// The number of a fork's descriptor comes when it is read.
struct MessageOfEvent {
    uffd_msg operator()(const mm::UserfaultEvent::Fork&) const {
        uffd_msg message{};
        message.event = UFFD_EVENT_FORK;
        return message;
    }
    uffd_msg operator()(const mm::UserfaultEvent::Remap& remap) const {
        uffd_msg message{};
        message.event = UFFD_EVENT_REMAP;
        message.arg.remap.from = remap.from.value();
        message.arg.remap.to = remap.to.value();
        message.arg.remap.len = remap.size_bytes;
        return message;
    }
    uffd_msg operator()(const mm::UserfaultEvent::Unmap& unmap) const {
        return range_message(UFFD_EVENT_UNMAP, unmap.range);
    }
    uffd_msg operator()(const mm::UserfaultEvent::Remove& remove) const {
        return range_message(UFFD_EVENT_REMOVE, remove.range);
    }

private:
    static uffd_msg range_message(std::uint8_t event, VirtRange range) {
        uffd_msg message{};
        message.event = event;
        message.arg.remove.start = range.start.value();
        message.arg.remove.end = range.end.value();
        return message;
    }
};

}  // namespace

Userfaultfd::Userfaultfd(int flags) : UserfaultContext((flags & user_mode_only) != 0), flags_(flags) {}

Userfaultfd::~Userfaultfd() {
    if (mm_ != nullptr) (void)mm_->mmdrop();
}

void Userfaultfd::set_mm(std::shared_ptr<mm::MmStruct> mm) {
    FL_ASSERT(mm_ == nullptr);
    mm_ = std::move(mm);
    mm_->mmgrab();
}

std::shared_ptr<mm::MmStruct> Userfaultfd::mm() const { return mm_ != nullptr && mm_->mm_users() > 0 ? mm_ : nullptr; }

void Userfaultfd::initialise(std::uint64_t features) {
    set_features(features);
    initialised_ = true;
}

std::shared_ptr<mm::UserfaultContext> Userfaultfd::for_child() const {
    auto child = std::make_shared<Userfaultfd>(flags_);
    child->initialise(features());
    return child;
}

// handle_userfault(). In kernel mode only what ends the task ends the wait.
bool Userfaultfd::wait(System& system, const mm::Userfault& fault) {
    const auto self = shared_from_this();
    const auto mine = faults_.insert(faults_.end(), {message_of(fault, system.task), fault.address.page_floor()});
    readable_.wake_all();
    const auto interruptible = fault.mode == emu::Mode::user ? Interruptible::by_signals : Interruptible::by_death;
    WakeReason reason = WakeReason::event;
    while (!mine->is_woken && !released_ && reason == WakeReason::event) {
        reason = system.scheduler.wait(system.task, answered_, std::nullopt, interruptible);
    }
    faults_.erase(mine);
    return reason == WakeReason::event;
}

// userfaultfd_event_wait_completion()
void Userfaultfd::tell(System& system, const mm::UserfaultEvent& event) {
    const auto self = shared_from_this();
    std::shared_ptr<Userfaultfd> child;
    if (const auto* fork = std::get_if<mm::UserfaultEvent::Fork>(&event.what)) {
        child = std::static_pointer_cast<Userfaultfd>(fork->child);
    }
    const auto mine = events_.insert(events_.end(), {std::visit(MessageOfEvent{}, event.what), child});
    ++changing_;
    readable_.wake_all();
    WakeReason reason = WakeReason::event;
    while (!mine->is_read && !released_ && reason == WakeReason::event) {
        reason = system.scheduler.wait(system.task, answered_, std::nullopt, Interruptible::by_death);
    }
    if (!mine->is_read) {
        --changing_;
        if (child != nullptr) child->release();
    }
    events_.erase(mine);
}

bool Userfaultfd::has_message() const {
    const auto is_unread = [](const auto& entry) { return !entry.is_read; };
    return std::ranges::any_of(faults_, is_unread) || std::ranges::any_of(events_, is_unread);
}

Result<std::optional<uffd_msg>> Userfaultfd::take_message(System& system) {
    for (Waiting& fault : faults_) {
        if (std::exchange(fault.is_read, true)) continue;
        return fault.message;
    }
    for (Announced& event : events_) {
        if (event.is_read) continue;
        uffd_msg message = event.message;
        if (event.child != nullptr) {
            const auto fd = system.task.files->find_free(0, open_file_limit(system));
            if (!fd) return fail(Errno::emfile);
            const OnExec on_exec = (flags_ & O_CLOEXEC) != 0 ? OnExec::close : OnExec::keep;
            auto opened = std::make_shared<UserfaultDescription>(nameless_file(system, 0600), event.child);
            if (auto taken = opened->take_memory(system.memory, nameless_objects); !taken) return fail(taken.error());
            system.task.files->put(*fd, std::move(opened), on_exec);
            message.arg.fork.ufd = *fd;
        }
        event.is_read = true;
        --changing_;
        answered_.wake_all();
        return message;
    }
    return std::nullopt;
}

void Userfaultfd::wake(VirtRange range) {
    for (Waiting& fault : faults_) {
        if (range.start <= fault.page && fault.page < range.end) fault.is_woken = true;
    }
    answered_.wake_all();
}

void Userfaultfd::release() {
    if (std::exchange(released_, true)) return;
    if (const auto space = mm()) space->release_userfault(*this);
    answered_.wake_all();
    readable_.wake_all();
}

// --- the descriptor --------------------------------------------------------------------------------------------------

UserfaultDescription::UserfaultDescription(NamelessFile file, std::shared_ptr<Userfaultfd> context)
    : NamelessDescription(O_RDONLY | (context->flags() & shared_flags & ~O_CLOEXEC), file),
      context_(std::move(context)) {}

// userfaultfd_read(): one message after the other, of which only the first is waited for.
Result<std::uint64_t> UserfaultDescription::read(System& system, UserSegments& into, std::uint64_t&) {
    if (!context_->is_initialised()) return fail(Errno::einval);
    const auto context = context_;
    std::uint64_t done = 0;
    const auto answer = [&done](Errno error) { return done > 0 ? Result<std::uint64_t>(done) : fail(error); };
    while (into.bytes_left() >= sizeof(uffd_msg)) {
        const auto message = context->take_message(system);
        if (!message) return answer(message.error());
        if (!*message) {
            if (done > 0 || blocking() == ByteChannel::Blocking::no) return answer(Errno::eagain);
            if (system.scheduler.wait(system.task, context->readable()) == WakeReason::signal) {
                return fail(interrupted(system.task));
            }
            continue;
        }
        if (into.copy_to_guest(std::as_bytes(std::span(&**message, 1))) != sizeof(uffd_msg)) {
            return answer(Errno::efault);
        }
        done += sizeof(uffd_msg);
    }
    return answer(Errno::einval);
}

Result<std::uint64_t> UserfaultDescription::control(System& system, std::uint64_t request, std::uint64_t argument) {
    const auto context = context_;
    return control_userfaults(system, *context, request, argument);
}

// userfaultfd_poll(): who reads without O_NONBLOCK may find that the message has gone.
short UserfaultDescription::ready_events() const {
    if (!context_->is_initialised() || blocking() == ByteChannel::Blocking::yes) return POLLERR;
    return context_->has_message() ? POLLIN : short{0};
}

// --- for those whose memory it is
// ---------------------------------------------------------------------------------------

void tell_userfault_events(System& system) {
    if (!system.task.mm->has_userfault_events()) return;
    for (const mm::UserfaultEvent& event : system.task.mm->take_userfault_events()) {
        std::static_pointer_cast<Userfaultfd>(event.context)->tell(system, event);
    }
}

void tell_userfault_fork(System& parent, const std::shared_ptr<mm::MmStruct>& child) {
    auto events = parent.task.mm->take_userfault_events();
    for (const mm::UserfaultEvent& event : events) {
        if (const auto* fork = std::get_if<mm::UserfaultEvent::Fork>(&event.what)) {
            std::static_pointer_cast<Userfaultfd>(fork->child)->set_mm(child);
        }
    }
    for (const mm::UserfaultEvent& event : events) {
        std::static_pointer_cast<Userfaultfd>(event.context)->tell(parent, event);
    }
}

// userfaultfd_remove()
void announce_removal(System& system, mm::MmStruct& mm, VirtRange range) {
    for (VirtAddr at = range.start; at < range.end;) {
        const mm::Vma* vma = mm.vmas().find(at);
        if (vma == nullptr || vma->start() >= range.end) return;
        const VirtRange part{std::max(at, vma->start()), std::min(range.end, vma->end())};
        at = part.end;
        const auto context = std::static_pointer_cast<Userfaultfd>(vma->userfault());
        if (context == nullptr || !context->has(mm::uffd_feature_event_remove)) continue;
        context->tell(system, {context, mm::UserfaultEvent::Remove{part}});
    }
}

}  // namespace fl::kernel
