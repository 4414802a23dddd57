#include "trace/terminal.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

using namespace fl::trace;

namespace {

// A pseudo-terminal, and an environment variable set for one scope.
class PseudoTerminal {
public:
    explicit PseudoTerminal(unsigned short columns) : master_(::posix_openpt(O_RDWR | O_NOCTTY)) {
        REQUIRE(master_ >= 0);
        REQUIRE(::grantpt(master_) == 0);
        REQUIRE(::unlockpt(master_) == 0);
        slave_ = ::open(::ptsname(master_), O_RDWR | O_NOCTTY);
        REQUIRE(slave_ >= 0);
        const winsize size{24, columns, 0, 0};
        REQUIRE(::ioctl(slave_, TIOCSWINSZ, &size) == 0);
    }
    PseudoTerminal(const PseudoTerminal&) = delete;
    PseudoTerminal& operator=(const PseudoTerminal&) = delete;
    ~PseudoTerminal() {
        ::close(slave_);
        ::close(master_);
    }
    int descriptor() const { return slave_; }

private:
    int master_;
    int slave_ = -1;
};

class ScopedVariable {
public:
    ScopedVariable(const char* name, const char* value) : name_(name) {
        if (const char* old = std::getenv(name)) old_ = old;
        if (value != nullptr) {
            ::setenv(name, value, 1);
        } else {
            ::unsetenv(name);
        }
    }
    ScopedVariable(const ScopedVariable&) = delete;
    ScopedVariable& operator=(const ScopedVariable&) = delete;
    ~ScopedVariable() {
        if (old_.empty()) {
            ::unsetenv(name_);
        } else {
            ::setenv(name_, old_.c_str(), 1);
        }
    }

private:
    const char* name_;
    std::string old_;
};

}  // namespace

TEST_CASE("a terminal has a width and, unless told otherwise, colours") {
    const PseudoTerminal terminal(97);
    const ScopedVariable term("TERM", "xterm");
    {
        const ScopedVariable no_color("NO_COLOR", nullptr);
        CHECK(terminal_traits(terminal.descriptor()).colour);
        CHECK(terminal_traits(terminal.descriptor()).width == 97U);
        const ScopedVariable dumb("TERM", "dumb");
        CHECK(!terminal_traits(terminal.descriptor()).colour);
        CHECK(terminal_traits(terminal.descriptor()).width == 97U);
        const ScopedVariable no_term("TERM", nullptr);
        CHECK(!terminal_traits(terminal.descriptor()).colour);
    }
    const ScopedVariable set("NO_COLOR", "1");
    CHECK(!terminal_traits(terminal.descriptor()).colour);
    // https://no-color.org: an empty value does not count.
    const ScopedVariable empty("NO_COLOR", "");
    CHECK(terminal_traits(terminal.descriptor()).colour);
}

TEST_CASE("a terminal that says it has no width still gets lines") {
    const PseudoTerminal terminal(0);
    CHECK(terminal_traits(terminal.descriptor()).width == 160U);
}

TEST_CASE("files and pipes are no terminals") {
    const int descriptor = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    CHECK(!terminal_traits(descriptor).colour);
    CHECK(!terminal_traits(descriptor).width);
    ::close(descriptor);
    CHECK(!terminal_traits(-1).width);
}
