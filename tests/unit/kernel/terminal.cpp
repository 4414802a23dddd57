#include "kernel/terminal.hpp"

#include "kernel/vfs/host_stream.hpp"
#include "kernel_support.hpp"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>

using namespace fl;
using test::minus;
using test::TestSystem;

namespace {

constexpr std::uint64_t data = TestSystem::data, path = TestSystem::data + page_size;

// A process whose only stream is a terminal of the host: the slave of a pair.
struct WithTerminal {
    WithTerminal() {
        master = ::posix_openpt(O_RDWR | O_NOCTTY);
        REQUIRE(master >= 0);
        REQUIRE(::grantpt(master) == 0);
        REQUIRE(::unlockpt(master) == 0);
        slave = ::open(::ptsname(master), O_RDWR | O_NOCTTY);
        REQUIRE(slave >= 0);
        system.task().files = std::make_shared<kernel::FileTable>(std::vector<int>{slave});
    }
    WithTerminal(const WithTerminal&) = delete;
    WithTerminal& operator=(const WithTerminal&) = delete;
    ~WithTerminal() {
        system.task().files = std::make_shared<kernel::FileTable>();
        system.task().process->terminal.reset();
        ::close(slave);
        ::close(master);
    }
    std::shared_ptr<kernel::Terminal> terminal() {
        const auto file = system.task().files->find(0);
        const auto* stream = dynamic_cast<const kernel::HostStream*>(file->get());
        return stream != nullptr ? stream->terminal() : nullptr;
    }
    // It controls the process's session, and the group is in its foreground.
    void control(std::uint32_t group) {
        terminal()->session = system.task().process->session;
        terminal()->foreground = group;
        system.task().process->terminal = terminal();
    }
    std::int64_t ioctl(std::uint64_t request, std::uint64_t argument = data) {
        return system.call(SYS_ioctl, {0, request, argument});
    }
    termios host_settings() const {
        termios settings{};
        REQUIRE(::tcgetattr(slave, &settings) == 0);
        return settings;
    }

    int master = -1, slave = -1;
    TestSystem system;
};

}  // namespace

TEST_CASE("a terminal: size, settings, what waits") {
    WithTerminal t;
    const winsize size{.ws_row = 33, .ws_col = 99, .ws_xpixel = 0, .ws_ypixel = 0};
    REQUIRE(::ioctl(t.master, TIOCSWINSZ, &size) == 0);
    CHECK(t.ioctl(TIOCGWINSZ) == 0);
    CHECK(t.system.get<std::array<std::uint16_t, 2>>(data) == std::array<std::uint16_t, 2>{33, 99});
    CHECK(t.ioctl(TCGETS) == 0);
    CHECK(t.ioctl(TCGETS, TestSystem::nowhere) == minus(Errno::efault));
    REQUIRE(::write(t.master, "abc\n", 4) == 4);
    // The host passes it on when it gets round to it.
    pollfd arrived{t.slave, POLLIN, 0};
    REQUIRE(::poll(&arrived, 1, -1) == 1);
    CHECK(t.ioctl(FIONREAD) == 0);
    CHECK(t.system.get<std::int32_t>(data) == 4);
    CHECK(t.ioctl(TCFLSH, TCIFLUSH) == 0);
    CHECK(t.ioctl(FIONREAD) == 0);
    CHECK(t.system.get<std::int32_t>(data) == 0);
    // What would reach into the host's own session is refused.
    CHECK(t.ioctl(TIOCSTI) == minus(Errno::eio));
    CHECK(t.ioctl(TIOCSWINSZ) == minus(Errno::eperm));
    CHECK(t.ioctl(0x1234) == minus(Errno::enotty));
}

TEST_CASE("a terminal: the host's settings come back") {
    WithTerminal t;
    REQUIRE((t.host_settings().c_lflag & ECHO) != 0);
    REQUIRE(t.ioctl(TCGETS) == 0);
    auto words = t.system.get<std::array<std::uint32_t, 4>>(data);
    words[3] &= ~std::uint32_t{ECHO | ICANON};
    t.system.put(data, words);
    CHECK(t.ioctl(TCSETS) == 0);
    CHECK((t.host_settings().c_lflag & (ECHO | ICANON)) == 0);
    t.terminal()->put_host_settings();
    CHECK((t.host_settings().c_lflag & (ECHO | ICANON)) == (ECHO | ICANON));
    t.terminal()->put_own_settings();
    CHECK((t.host_settings().c_lflag & (ECHO | ICANON)) == 0);
    t.system.task().files = std::make_shared<kernel::FileTable>();
    CHECK((t.host_settings().c_lflag & (ECHO | ICANON)) == (ECHO | ICANON));
}

TEST_CASE("a terminal: its session and its foreground group") {
    WithTerminal t;
    t.system.put_text(path, "/dev/tty");
    CHECK(t.ioctl(TIOCGPGRP) == minus(Errno::enotty));
    CHECK(t.system.call(SYS_open, {path, O_RDWR, 0}) == minus(Errno::enxio));
    t.control(2);
    CHECK(t.ioctl(TIOCGPGRP) == 0);
    CHECK(t.system.get<std::uint32_t>(data) == 2);
    CHECK(t.ioctl(TIOCGSID) == 0);
    CHECK(t.system.get<std::uint32_t>(data) == 1);
    t.system.put<std::int32_t>(data, 77);
    CHECK(t.ioctl(TIOCSPGRP) == minus(Errno::esrch));
    t.system.put<std::int32_t>(data, -1);
    CHECK(t.ioctl(TIOCSPGRP) == minus(Errno::einval));
    t.system.put<std::int32_t>(data, 2);
    CHECK(t.ioctl(TIOCSPGRP) == 0);
    CHECK(t.ioctl(TIOCSCTTY, 0) == minus(Errno::eperm));

    const std::int64_t fd = t.system.call(SYS_open, {path, O_RDWR, 0});
    REQUIRE(fd == 1);
    t.system.put_text(path, "hello");
    CHECK(t.system.call(SYS_write, {1, path, 5}) == 5);
    std::array<char, 8> text{};
    CHECK(::read(t.master, text.data(), text.size()) == 5);
    CHECK(t.ioctl(TIOCNOTTY) == 0);
    CHECK(t.ioctl(TIOCGPGRP) == minus(Errno::enotty));
}

TEST_CASE("a terminal: who is in the background reads nothing, and writes where TOSTOP does not say otherwise") {
    WithTerminal t;
    t.control(77);
    REQUIRE(::write(t.master, "line\n", 5) == 5);
    // Nobody could let the group go on: it is refused instead of stopped.
    CHECK(t.system.call(SYS_read, {0, data, 5}) == minus(Errno::eio));
    CHECK(t.system.call(SYS_write, {0, data, 1}) == 1);
    termios settings = t.host_settings();
    settings.c_lflag |= TOSTOP;
    REQUIRE(::tcsetattr(t.slave, TCSANOW, &settings) == 0);
    CHECK(t.system.call(SYS_write, {0, data, 1}) == minus(Errno::eio));
    t.system.signals().set_blocked(kernel::SignalSet::of(SIGTTOU));
    CHECK(t.system.call(SYS_write, {0, data, 1}) == 1);
    t.terminal()->foreground = 2;
    CHECK(t.system.call(SYS_read, {0, data, 5}) == 5);
}

TEST_CASE("two streams of one terminal are one terminal; a pipe is none") {
    WithTerminal t;
    const test::HostPipe pipe;
    t.system.task().files = std::make_shared<kernel::FileTable>(std::vector<int>{t.slave, t.slave, pipe.read_end()});
    const auto terminal_of = [&](std::uint64_t fd) {
        return dynamic_cast<const kernel::HostStream&>(**t.system.task().files->find(fd)).terminal();
    };
    CHECK(terminal_of(0) != nullptr);
    CHECK(terminal_of(0) == terminal_of(1));
    CHECK(terminal_of(2) == nullptr);
}
