#include "kernel/signals.hpp"

#include <doctest/doctest.h>

using namespace fl;
using namespace fl::kernel;

namespace {

constexpr std::uint64_t handler = 0x40'1000;
constexpr std::uint64_t limit = 100;
constexpr int realtime = 40;

SignalInfo plain(int number, std::uint32_t pid = 1) {
    return SignalInfo{.number = number, .detail = SignalInfo::Detail::sender, .pid = pid};
}

SignalAction handled(std::uint64_t flags = 0) { return SignalAction{.handler = handler, .flags = flags}; }

}  // namespace

TEST_CASE("a handled signal runs its handler once") {
    Signals signals;
    signals.set_action(SIGUSR1, handled());
    CHECK(signals.send(SignalQueue::thread, plain(SIGUSR1), limit).has_value());
    const auto delivery = signals.next();
    REQUIRE(delivery.has_value());
    CHECK(delivery->effect == Delivery::Effect::run_handler);
    CHECK(delivery->info.number == SIGUSR1);
    CHECK(delivery->action.handler == handler);
    CHECK_FALSE(signals.next().has_value());
}

TEST_CASE("what signals do by default") {
    for (int number = 1; number <= signal_count; ++number) {
        CAPTURE(number);
        Signals signals;
        (void)signals.send(SignalQueue::process, plain(number), limit);
        const auto delivery = signals.next();
        const bool harmless = number == SIGCHLD || number == SIGURG || number == SIGWINCH || number == SIGCONT;
        const bool stops = number == SIGSTOP || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
        CHECK(delivery.has_value() == !harmless);
        if (delivery) CHECK(delivery->effect == (stops ? Delivery::Effect::stop : Delivery::Effect::terminate));
    }
}

TEST_CASE("a blocked signal waits, two of one standard kind are one") {
    Signals signals;
    signals.set_action(SIGUSR1, handled());
    signals.set_blocked(SignalSet::of(SIGUSR1));
    (void)signals.send(SignalQueue::thread, plain(SIGUSR1, 1), limit);
    (void)signals.send(SignalQueue::thread, plain(SIGUSR1, 2), limit);
    CHECK(signals.pending() == SignalSet::of(SIGUSR1));
    CHECK_FALSE(signals.next().has_value());
    signals.set_blocked(SignalSet());
    CHECK(signals.next()->info.pid == 1);
    CHECK_FALSE(signals.next().has_value());
}

TEST_CASE("real-time signals queue in order, up to a limit") {
    Signals signals;
    signals.set_action(realtime, handled());
    signals.set_blocked(SignalSet::of(realtime));
    CHECK(signals.send(SignalQueue::thread, plain(realtime, 1), 2).has_value());
    CHECK(signals.send(SignalQueue::thread, plain(realtime, 2), 2).has_value());
    CHECK(signals.send(SignalQueue::thread, plain(realtime, 3), 2).error() == Errno::eagain);
    signals.set_blocked(SignalSet());
    CHECK(signals.next()->info.pid == 1);
    CHECK(signals.pending() == SignalSet::of(realtime));
    CHECK(signals.next()->info.pid == 2);
    CHECK(signals.pending().empty());
}

TEST_CASE("the thread's signals come before the process's, synchronous ones before lower numbers") {
    Signals signals;
    for (const int number : {SIGHUP, SIGUSR1, SIGSEGV}) signals.set_action(number, handled());
    (void)signals.send(SignalQueue::process, plain(SIGHUP), limit);
    (void)signals.send(SignalQueue::thread, plain(SIGUSR1), limit);
    (void)signals.send(SignalQueue::thread, plain(SIGSEGV), limit);
    CHECK(signals.next()->info.number == SIGSEGV);
    CHECK(signals.next()->info.number == SIGUSR1);
    CHECK(signals.next()->info.number == SIGHUP);
}

TEST_CASE("an ignored signal is not kept, unless it is blocked") {
    Signals signals;
    signals.set_action(SIGUSR1, SignalAction{.handler = SignalAction::ignore});
    (void)signals.send(SignalQueue::thread, plain(SIGUSR1), limit);
    CHECK(signals.pending().empty());
    signals.set_blocked(SignalSet::of(SIGUSR1));
    (void)signals.send(SignalQueue::thread, plain(SIGUSR1), limit);
    CHECK(signals.pending() == SignalSet::of(SIGUSR1));
    signals.set_blocked(SignalSet());
    CHECK_FALSE(signals.next().has_value());
}

TEST_CASE("beginning to ignore a signal drops those that wait") {
    Signals signals;
    signals.set_blocked(SignalSet::of(SIGUSR1));
    (void)signals.send(SignalQueue::thread, plain(SIGUSR1), limit);
    (void)signals.send(SignalQueue::process, plain(SIGUSR1), limit);
    signals.set_action(SIGUSR1, SignalAction{.handler = SignalAction::ignore});
    CHECK(signals.pending().empty());
}

TEST_CASE("SA_RESETHAND is good for one signal") {
    Signals signals;
    signals.set_action(SIGUSR1, handled(SignalAction::flag_resethand));
    (void)signals.send(SignalQueue::thread, plain(SIGUSR1), limit);
    CHECK(signals.next()->action.handler == handler);
    CHECK(signals.action(SIGUSR1).handler == SignalAction::default_action);
}

TEST_CASE("a forced signal that is blocked or ignored kills") {
    const SignalInfo fault{.number = SIGSEGV, .code = SEGV_MAPERR, .detail = SignalInfo::Detail::address};
    Signals free_to_run, blocked, ignored;
    for (Signals* signals : {&free_to_run, &blocked}) signals->set_action(SIGSEGV, handled());
    ignored.set_action(SIGSEGV, SignalAction{.handler = SignalAction::ignore});
    blocked.set_blocked(SignalSet::of(SIGSEGV));
    for (Signals* signals : {&free_to_run, &blocked, &ignored}) signals->force(fault);
    CHECK(free_to_run.next()->effect == Delivery::Effect::run_handler);
    CHECK(blocked.next()->effect == Delivery::Effect::terminate);
    CHECK(ignored.next()->effect == Delivery::Effect::terminate);
}

TEST_CASE("a frame that cannot be written is a SIGSEGV, that of SIGSEGV itself the end") {
    Signals signals;
    signals.set_action(SIGSEGV, handled());
    signals.frame_failed(SIGUSR1);
    auto delivery = signals.next();
    CHECK(delivery->effect == Delivery::Effect::run_handler);
    CHECK(delivery->info.code == si_code_kernel);
    signals.frame_failed(SIGSEGV);
    delivery = signals.next();
    CHECK(delivery->effect == Delivery::Effect::terminate);
    CHECK(delivery->info.number == SIGSEGV);
}

TEST_CASE("SIGKILL and SIGSTOP cannot be blocked") {
    Signals signals;
    signals.set_blocked(SignalSet(~std::uint64_t{0}));
    CHECK(signals.blocked() == ~(SignalSet::of(SIGKILL) | SignalSet::of(SIGSTOP)));
    signals.set_action(SIGUSR1, SignalAction{.handler = handler, .mask = ~std::uint64_t{0}});
    CHECK(signals.action(SIGUSR1).mask == signals.blocked().bits());
}

TEST_CASE("when a signal stack is in use") {
    AlternateStack stack{.base = 0x1000, .size_bytes = 0x2000};
    CHECK(stack.state(0x1000) == 0);
    CHECK(stack.state(0x1001) == AlternateStack::on_stack);
    CHECK(stack.state(0x3000) == AlternateStack::on_stack);
    CHECK(stack.state(0x3001) == 0);
    stack.flags = AlternateStack::auto_disarm;
    CHECK(stack.state(0x2000) == 0);
    CHECK(AlternateStack{}.state(0x2000) == AlternateStack::disabled);
}

TEST_CASE("names of signals") {
    CHECK(signal_name(SIGSEGV) == "SIGSEGV");
    CHECK(signal_name(32) == "SIGRTMIN");
    CHECK(signal_name(64) == "SIGRT_32");
    CHECK(signal_name(65) == "signal 65");
}
