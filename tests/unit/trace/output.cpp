#include "trace/output.hpp"

#include "event_support.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

using namespace fl::trace;

TEST_CASE("records wait in the buffer, or go at once") {
    test::CapturedOutput buffered(Delivery::when_full);
    buffered.output().append("one\n");
    buffered.output().end_record();
    CHECK(buffered.text().empty());
    buffered.output().flush();
    CHECK(buffered.text() == "one\n");

    test::CapturedOutput direct(Delivery::each_record);
    direct.output().append("one\n");
    CHECK(direct.text().empty());
    direct.output().end_record();
    CHECK(direct.text() == "one\n");
}

TEST_CASE("before release nothing reaches the file, however much it is") {
    const int descriptor = ::memfd_create("held", MFD_CLOEXEC);
    const std::string record(1000, 'x');
    {
        Output output(descriptor, Delivery::each_record);
        for (int count = 0; count < 1000; ++count) {
            output.append(record);
            output.end_record();
        }
        output.flush();
        CHECK(::lseek(descriptor, 0, SEEK_END) == 0);
    }
    CHECK(::lseek(descriptor, 0, SEEK_END) == 0);
    {
        Output output(descriptor, Delivery::when_full);
        for (int count = 0; count < 1000; ++count) output.append(record);
        output.release();
    }
    CHECK(::lseek(descriptor, 0, SEEK_END) == 1'000'000);
    ::close(descriptor);
}

TEST_CASE("the first error sticks, and writing goes on without effect") {
    const int descriptor = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
    REQUIRE(descriptor >= 0);
    Output output(descriptor, Delivery::when_full);
    output.release();
    const std::string record(100'000, 'x');
    for (int count = 0; count < 20; ++count) output.append(record);
    CHECK(output.error() == ENOSPC);
    ::close(descriptor);
    output.flush();
    CHECK(output.error() == ENOSPC);
}

TEST_CASE("a closed descriptor is an error like others") {
    Output output(-1, Delivery::each_record);
    output.release();
    output.append("one\n");
    output.end_record();
    CHECK(output.error() == EBADF);
}
