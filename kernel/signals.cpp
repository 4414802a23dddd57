#include "kernel/signals.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace fl::kernel {

namespace {

constexpr int first_realtime = 32;  // SIGRTMIN as the kernel counts

constexpr SignalSet ignored_by_default =
    SignalSet::of(SIGCONT) | SignalSet::of(SIGCHLD) | SignalSet::of(SIGWINCH) | SignalSet::of(SIGURG);
constexpr SignalSet stopping =
    SignalSet::of(SIGSTOP) | SignalSet::of(SIGTSTP) | SignalSet::of(SIGTTIN) | SignalSet::of(SIGTTOU);
// Delivered before all others, so that a handler sees the instruction that caused them (SYNCHRONOUS_MASK).
constexpr SignalSet synchronous = SignalSet::of(SIGSEGV) | SignalSet::of(SIGBUS) | SignalSet::of(SIGILL) |
                                  SignalSet::of(SIGTRAP) | SignalSet::of(SIGFPE) | SignalSet::of(SIGSYS);

}  // namespace

DefaultAction default_action(int number) {
    if (ignored_by_default.has(number)) return DefaultAction::ignore;
    return stopping.has(number) ? DefaultAction::stop : DefaultAction::terminate;
}

std::string signal_name(int number) {
    if (number == first_realtime) return "SIGRTMIN";
    if (number > first_realtime && number <= signal_count) return "SIGRT_" + std::to_string(number - first_realtime);
    if (const char* name = ::sigabbrev_np(number); name != nullptr) return std::string("SIG") + name;
    return "signal " + std::to_string(number);
}

void Signals::Queue::add(const SignalInfo& info) {
    set = set | SignalSet::of(info.number);
    waiting.push_back(info);
}

void Signals::Queue::remove(SignalSet numbers, TimerSignals* timers) {
    set = set & ~numbers;
    std::erase_if(waiting, [&](const SignalInfo& info) {
        if (!numbers.has(info.number)) return false;
        if (timers != nullptr && info.detail == SignalInfo::Detail::timer) timers->discarded(info);
        return true;
    });
}

SignalInfo Signals::Queue::take(int number) {
    const auto is_it = [number](const SignalInfo& info) { return info.number == number; };
    const auto found = std::find_if(waiting.begin(), waiting.end(), is_it);
    FL_ASSERT(found != waiting.end());
    const SignalInfo info = *found;
    const auto rest = waiting.erase(found);
    // Only instances behind the first one can be left.
    if (std::none_of(rest, waiting.end(), is_it)) set = set & ~SignalSet::of(number);
    return info;
}

SignalSet Signals::ignored() const {
    SignalSet set;
    for (int number = 1; number <= signal_count; ++number) {
        if (action(number).handler == SignalAction::ignore) set = set | SignalSet::of(number);
    }
    return set;
}

SignalSet Signals::caught() const {
    SignalSet set;
    for (int number = 1; number <= signal_count; ++number) {
        const std::uint64_t handler = action(number).handler;
        const bool has_handler = handler != SignalAction::default_action && handler != SignalAction::ignore;
        if (has_handler) set = set | SignalSet::of(number);
    }
    return set;
}

bool Signals::is_ignored(int number) const {
    const std::uint64_t handler = action(number).handler;
    if (handler == SignalAction::ignore) return true;
    return handler == SignalAction::default_action && default_action(number) == DefaultAction::ignore;
}

void Signals::set_action(int number, const SignalAction& action) {
    FL_ASSERT(!unblockable.has(number));
    const bool was_ignored = is_ignored(number);
    action_of(number) = action;
    action_of(number).mask &= ~unblockable.bits();
    if (is_ignored(number)) {
        discard(SignalSet::of(number));
    } else if (was_ignored && process_->timers != nullptr) {
        process_->timers->no_longer_ignored(number);
    }
}

void Signals::ignore_all() {
    for (SignalAction& action : actions_->table) action = SignalAction{.handler = SignalAction::ignore};
}

void Signals::discard(SignalSet numbers) {
    thread_.remove(numbers, process_->timers);
    process_->remove(numbers, process_->timers);
}

Signals Signals::for_new_task(Sharing sharing) const {
    Signals made;
    made.actions_ = sharing.actions ? actions_ : std::make_shared<Actions>(*actions_);
    if (sharing.process) made.process_ = process_;
    made.blocked_ = blocked_;
    made.is_watched_ = is_watched_;
    if (sharing.stack) made.alternate_stack_ = alternate_stack_;
    return made;
}

void Signals::clear_handlers() {
    actions_ = std::make_shared<Actions>(*actions_);
    for (SignalAction& action : actions_->table) {
        const bool ignored = action.handler == SignalAction::ignore;
        action = SignalAction{};
        if (ignored) action.handler = SignalAction::ignore;
    }
}

void Signals::reset_for_exec() {
    clear_handlers();
    alternate_stack_ = AlternateStack{};
}

void Signals::suspend_with(SignalSet blocked) {
    saved_blocked_ = blocked_;
    set_blocked(blocked);
}

void Signals::restore_mask() {
    if (saved_blocked_) blocked_ = *saved_blocked_;
    saved_blocked_.reset();
}

std::optional<SignalInfo> Signals::take(SignalSet wanted) {
    for (const SignalQueue which : {SignalQueue::thread, SignalQueue::process}) {
        Queue& queue = which == SignalQueue::thread ? thread_ : *process_;
        for (SignalSet ready = queue.set & wanted; !ready.empty(); ready = queue.set & wanted) {
            if (const SignalSet first = ready & synchronous; !first.empty()) ready = first;
            SignalInfo info = queue.take(std::countr_zero(ready.bits()) + 1);
            if (was_taken(which, info)) return info;
        }
    }
    return std::nullopt;
}

// false: there is nothing behind it any more.
bool Signals::was_taken(SignalQueue queue, SignalInfo& info) {
    TimerSignals* timers = process_->timers;
    if (timers == nullptr) return info.detail != SignalInfo::Detail::timer;
    if (queue == SignalQueue::process && info.number == SIGALRM) timers->alarm_taken();
    return info.detail != SignalInfo::Detail::timer || timers->taken(info);
}

Result<void> Signals::send(SignalQueue queue, const SignalInfo& info, std::uint64_t queue_limit) {
    // A blocked signal waits even where it is ignored: the program may change its mind before it unblocks it.
    if (drops(info.number)) {
        note_ignored(info);
        return {};
    }
    Queue& target = queue == SignalQueue::thread ? thread_ : *process_;
    if (info.number < first_realtime) {
        if (!target.set.has(info.number)) target.add(info);
        return {};
    }
    if (waiting_count() >= queue_limit) return fail(Errno::eagain);
    target.add(info);
    return {};
}

bool Signals::send_of_timer(SignalQueue queue, const SignalInfo& info) {
    if (drops(info.number)) return false;
    (queue == SignalQueue::thread ? thread_ : *process_).add(info);
    return true;
}

void Signals::force(const SignalInfo& info) {
    SignalAction& action = action_of(info.number);
    if (blocked_.has(info.number) || action.handler == SignalAction::ignore) {
        action.handler = SignalAction::default_action;
        blocked_ = blocked_ & ~SignalSet::of(info.number);
    }
    if (!thread_.set.has(info.number)) thread_.add(info);
}

void Signals::force_fatal(const SignalInfo& info) {
    action_of(info.number).handler = SignalAction::default_action;
    force(info);
}

void Signals::frame_failed(int number) {
    const SignalInfo segv{SIGSEGV, si_code_kernel, SignalInfo::Detail::address};
    if (number == SIGSEGV) {
        force_fatal(segv);
    } else {
        force(segv);
    }
}

void Signals::note_ignored(const SignalInfo& info) {
    constexpr std::size_t most = 64;
    if (is_watched_ && unnoticed_.size() < most) unnoticed_.push_back(info);
}

std::optional<SignalInfo> Signals::dequeue() { return take(~blocked_); }

std::optional<Delivery> Signals::next() {
    while (const auto info = dequeue()) {
        SignalAction& action = action_of(info->number);
        if (action.handler == SignalAction::ignore) {
            note_ignored(*info);
            continue;
        }
        if (action.handler != SignalAction::default_action) {
            const Delivery delivery{Delivery::Effect::run_handler, *info, action};
            if ((action.flags & SignalAction::flag_resethand) != 0) action.handler = SignalAction::default_action;
            return delivery;
        }
        switch (default_action(info->number)) {
            case DefaultAction::ignore: note_ignored(*info); break;
            case DefaultAction::terminate: return Delivery{Delivery::Effect::terminate, *info, action};
            case DefaultAction::stop: return Delivery{Delivery::Effect::stop, *info, action};
        }
    }
    return std::nullopt;
}

}  // namespace fl::kernel
