// Signals: what a process does about each signal, which ones wait, and which one is delivered next (Linux:
// kernel/signal.c).
//
// What a thread has for itself is the set of blocked signals, the queue of those sent to it, and the alternate stack;
// the threads of a process share the queue of those sent to the process, and who shares signal handlers the actions.
//
// Invariants: SIGKILL and SIGSTOP are never blocked and keep their default action; of a standard signal (below 32) at
// most one instance waits in each queue, real-time signals queue in the order they were sent.
#pragma once

#include "emu/assert.hpp"
#include "mm/errno.hpp"

#include <array>
#include <csignal>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fl::kernel {

// Signal numbers are those of <csignal>: the guest's are the host's.
inline constexpr int signal_count = 64;

class SignalSet {
public:
    constexpr SignalSet() = default;
    constexpr explicit SignalSet(std::uint64_t bits) : bits_(bits) {}
    static constexpr SignalSet of(int number) { return SignalSet(std::uint64_t{1} << (number - 1)); }

    constexpr std::uint64_t bits() const { return bits_; }
    constexpr bool has(int number) const { return (bits_ & of(number).bits_) != 0; }
    constexpr bool empty() const { return bits_ == 0; }

    friend constexpr bool operator==(SignalSet, SignalSet) = default;
    friend constexpr SignalSet operator|(SignalSet a, SignalSet b) { return SignalSet(a.bits_ | b.bits_); }
    friend constexpr SignalSet operator&(SignalSet a, SignalSet b) { return SignalSet(a.bits_ & b.bits_); }
    friend constexpr SignalSet operator~(SignalSet a) { return SignalSet(~a.bits_); }

private:
    std::uint64_t bits_ = 0;  // bit n - 1 is signal n
};

// What sigaction(2) sets, laid out as the system call passes it (struct kernel_sigaction of x86-64).
struct SignalAction {
    static constexpr std::uint64_t default_action = 0;  // SIG_DFL
    static constexpr std::uint64_t ignore = 1;          // SIG_IGN

    static constexpr std::uint64_t flag_siginfo = 0x4;
    static constexpr std::uint64_t flag_restorer = 0x0400'0000;
    static constexpr std::uint64_t flag_restart = 0x1000'0000;
    static constexpr std::uint64_t flag_onstack = 0x0800'0000;
    static constexpr std::uint64_t flag_nodefer = 0x4000'0000;
    static constexpr std::uint64_t flag_resethand = 0x8000'0000;

    std::uint64_t handler = default_action;
    std::uint64_t flags = 0;
    std::uint64_t restorer = 0;
    std::uint64_t mask = 0;
};
static_assert(sizeof(SignalAction) == 32);

// si_code values that the C library names, for kernel-made signals.
inline constexpr int si_code_user = 0;       // SI_USER
inline constexpr int si_code_kernel = 0x80;  // SI_KERNEL
inline constexpr int si_code_tkill = -6;     // SI_TKILL
inline constexpr int si_code_timer = -2;     // SI_TIMER

struct SignalInfo {
    enum class Detail : std::uint8_t { none, sender, address, value, timer, child };

    int number = 0;
    int code = 0;
    Detail detail = Detail::none;
    std::uint32_t pid = 0, uid = 0;                 // sender, value, child
    std::uint64_t address = 0;                      // address
    std::uint64_t value = 0;                        // value, timer: union sigval
    std::int32_t timer_id = 0, overrun = 0;         // timer
    std::int32_t status = 0;                        // child: exit status or signal
    std::int64_t user_ticks = 0, system_ticks = 0;  // child: in units of USER_HZ
};

// The signal stack of sigaltstack(2).
struct AlternateStack {
    static constexpr std::uint32_t on_stack = 1;               // SS_ONSTACK
    static constexpr std::uint32_t disabled = 2;               // SS_DISABLE
    static constexpr std::uint32_t auto_disarm = 0x8000'0000;  // SS_AUTODISARM
    static constexpr std::uint64_t min_size_bytes = 2048;      // MINSIGSTKSZ

    std::uint64_t base = 0;
    std::uint64_t size_bytes = 0;  // 0: none
    std::uint32_t flags = 0;

    bool holds(std::uint64_t sp) const { return sp > base && sp - base <= size_bytes; }
    // Whether a program at `sp` runs on it. With SS_AUTODISARM it never counts as in use: entering it disarms it.
    bool in_use(std::uint64_t sp) const { return (flags & auto_disarm) == 0 && holds(sp); }
    // SS_DISABLE, SS_ONSTACK or 0, as sigaltstack(2) answers.
    std::uint32_t state(std::uint64_t sp) const { return size_bytes == 0 ? disabled : in_use(sp) ? on_stack : 0; }
};

enum class DefaultAction : std::uint8_t { terminate, ignore, stop };
DefaultAction default_action(int number);
// "SIGSEGV", "SIGRTMIN", "SIGRT_1"; "signal 99" for a number that is none.
std::string signal_name(int number);

enum class SignalQueue : std::uint8_t { thread, process };

// A signal that takes effect now.
struct Delivery {
    enum class Effect : std::uint8_t { run_handler, terminate, stop };
    Effect effect = Effect::terminate;
    SignalInfo info;
    SignalAction action;  // with Effect::run_handler
};

// Who has to know what becomes of the signals that timers send (Linux: posixtimer_deliver_signal and its like).
class TimerSignals {
public:
    // Taken out of its queue to take effect now: says how often the timer expired since. false: it is void, as the
    // timer was set anew or deleted meanwhile.
    virtual bool taken(SignalInfo& info) = 0;
    // It waits no longer, because it is ignored; and signals of this number are ignored no longer.
    virtual void discarded(const SignalInfo& info) = 0;
    virtual void no_longer_ignored(int number) = 0;
    // A SIGALRM, whoever sent it, was taken out of the process's queue.
    virtual void alarm_taken() = 0;

protected:
    ~TimerSignals() = default;
};

class Signals {
public:
    Signals() : actions_(std::make_shared<Actions>()), process_(std::make_shared<ProcessQueue>()) {}
    // What a new task has: the same blocked signals, nothing pending of its own (kernel/fork.c, copy_sighand and
    // copy_signal).
    struct Sharing {
        bool actions;  // CLONE_SIGHAND
        bool process;  // CLONE_THREAD
        bool stack;    // the alternate stack goes along: not with CLONE_VM, unless vfork
    };
    Signals for_new_task(Sharing sharing) const;
    // exec: handlers are gone, what is ignored stays ignored (flush_signal_handlers).
    void reset_for_exec();
    // CLONE_CLEAR_SIGHAND.
    void clear_handlers();

    static constexpr SignalSet unblockable = SignalSet::of(SIGKILL) | SignalSet::of(SIGSTOP);

    const SignalAction& action(int number) const { return actions_->table[index(number)]; }
    // A signal that is ignored from now on does not wait any longer.
    void set_action(int number, const SignalAction& action);

    SignalSet blocked() const { return blocked_; }
    void set_blocked(SignalSet blocked) { blocked_ = blocked & ~unblockable; }
    // Signals that wait, blocked or not.
    SignalSet pending() const { return thread_.set | process_->set; }
    SignalSet pending(SignalQueue queue) const { return queue == SignalQueue::thread ? thread_.set : process_->set; }
    bool has_unblocked() const { return !(pending() & ~blocked_).empty(); }
    std::size_t waiting_count() const { return thread_.waiting.size() + process_->waiting.size(); }
    std::size_t waiting_count(SignalQueue queue) const {
        return queue == SignalQueue::thread ? thread_.waiting.size() : process_->waiting.size();
    }
    // For all threads of the process; nullptr: nobody has to know. Must outlive them, or be taken back.
    void set_timer_signals(TimerSignals* timers) { process_->timers = timers; }
    // Waits no longer, whether or not it is blocked.
    void discard(SignalSet numbers);
    // Those that nobody else can ignore, too (ignore_signals): a kernel thread's.
    void ignore_all();
    // Signals with SIG_IGN, and those with a handler.
    SignalSet ignored() const;
    SignalSet caught() const;

    // Queues a signal unless it is ignored. EAGAIN where a real-time signal finds `queue_limit` instances waiting.
    Result<void> send(SignalQueue queue, const SignalInfo& info, std::uint64_t queue_limit);
    // Queues a timer's signal, whether or not others of its number wait already; false: it is ignored.
    bool send_of_timer(SignalQueue queue, const SignalInfo& info);
    // A signal that the program's own instruction caused: one that is blocked or ignored kills (force_sig_info).
    void force(const SignalInfo& info);
    // The program cannot go on: this signal kills it, whatever it arranged for (force_fatal_sig).
    void force_fatal(const SignalInfo& info);
    // The frame for a handler could not be written (force_sigsegv).
    void frame_failed(int number);

    // Whether signals that are ignored are kept to be told of. Whoever the task makes is watched as well.
    void watch() { is_watched_ = true; }
    bool has_unnoticed() const { return !unnoticed_.empty(); }
    // Those that were ignored since the last time, in their order; the first ones only, where there are many.
    std::vector<SignalInfo> take_unnoticed() { return std::exchange(unnoticed_, {}); }

    // Takes the next signal that is to be delivered out of its queue; nullopt: none.
    std::optional<Delivery> next();
    // Takes one of `wanted` out of the queues, blocked or not (sigwait); nullopt: none is there.
    std::optional<SignalInfo> take(SignalSet wanted);

    // The set that rt_sigsuspend and its like replaced: it comes back once a signal was delivered, and is what the
    // frame of that signal restores.
    void suspend_with(SignalSet blocked);
    bool restores_mask() const { return saved_blocked_.has_value(); }
    SignalSet mask_to_restore() const { return saved_blocked_.value_or(blocked_); }
    void restore_mask();
    void forget_saved_mask() { saved_blocked_.reset(); }

    AlternateStack& alternate_stack() { return alternate_stack_; }
    const AlternateStack& alternate_stack() const { return alternate_stack_; }

private:
    struct Actions {
        std::array<SignalAction, signal_count> table{};
    };
    struct Queue {
        SignalSet set;
        std::deque<SignalInfo> waiting;

        void add(const SignalInfo& info);
        void remove(SignalSet numbers, TimerSignals* timers);
        SignalInfo take(int number);
    };
    struct ProcessQueue : Queue {
        TimerSignals* timers = nullptr;
    };

    static std::size_t index(int number) { return static_cast<std::size_t>(number - 1); }
    bool is_ignored(int number) const;
    bool drops(int number) const { return !blocked_.has(number) && is_ignored(number); }
    bool was_taken(SignalQueue queue, SignalInfo& info);
    SignalAction& action_of(int number) { return actions_->table[index(number)]; }
    std::optional<SignalInfo> dequeue();
    void note_ignored(const SignalInfo& info);

    std::shared_ptr<Actions> actions_;
    SignalSet blocked_;
    std::optional<SignalSet> saved_blocked_;
    Queue thread_;
    std::shared_ptr<ProcessQueue> process_;
    AlternateStack alternate_stack_;
    bool is_watched_ = false;
    std::vector<SignalInfo> unnoticed_;
};

}  // namespace fl::kernel
