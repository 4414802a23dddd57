// valgrind's lackey: its lines as references to pages.
#include "trace_support.hpp"

namespace fl::lab {

namespace {

Outcome read_lackey(const std::string& text) { return read_trace(text, TraceFormat::lackey); }

}  // namespace

TEST_CASE("lackey: fetches, loads, stores and what is both") {
    const Outcome outcome = read_lackey(
        "==12== Lackey, an example Valgrind tool\n==12== \n"
        "I  04016b20,3\nI  04016b23,5\n S 1ffeffff38,8\n L 1ffeffff38,8\n M 04020ff8,8\nI  04016b28,4\n\n==12== "
        "done\n");
    CHECK(outcome.damage == "");
    CHECK(outcome.touches == 7);
    CHECK(outcome.events ==
          "page 0 of 0 at 16406 in ''\ntouch 0 0 x2\npage 1 of 0 at 33550335 in ''\ntouch 1 2 x1\ntouch 1 1 x1\n"
          "page 2 of 0 at 16416 in ''\ntouch 2 1 x1\ntouch 2 2 x1\ntouch 0 0 x1\n");
}

TEST_CASE("lackey: an access to bytes of two pages is one to each") {
    CHECK(read_lackey(" L 1fff,1\n").touches == 1);
    CHECK(read_lackey(" L 1fff,2\n").events ==
          "page 0 of 0 at 1 in ''\ntouch 0 1 x1\npage 1 of 0 at 2 in ''\ntouch 1 1 x1\n");
    CHECK(read_lackey(" M 1ffc,8").events ==
          "page 0 of 0 at 1 in ''\ntouch 0 1 x1\npage 1 of 0 at 2 in ''\ntouch 1 1 x1\ntouch 0 2 x1\ntouch 1 2 x1\n");
    CHECK(read_lackey("I  1000,4096\n").touches == 1);
    CHECK(read_lackey("I  1001,4096\n").touches == 2);
    CHECK(read_lackey(" S ffffffffffffffff,1\n").events == "page 0 of 0 at 4503599627370495 in ''\ntouch 0 2 x1\n");
}

TEST_CASE("lackey: lines that it does not write are told, and what came before is kept") {
    const std::string good = " L 1000,8\n";
    for (const std::string line : {"L 1000,8", "  L 1000,8", " X 1000,8", " L 1000", " L 1000,", " L ,8", " L 1000,8 ",
                                   " L 1000,x", " L -1000,8", " L 1000,-8", " L 10000000000000000,8",
                                   " L 1000,18446744073709551616", "I 1000,8", "hello", "=", " "}) {
        CAPTURE(line);
        const Outcome outcome = read_lackey(good + line + "\n" + good);
        CHECK(outcome.damage == fmt::format("t: line 2: '{}' is no line of lackey's", line));
        CHECK(outcome.touches == 1);
        CHECK(outcome.events.find("touch 0 1 x1") != std::string::npos);
    }
    for (const std::string line :
         {" L 1000,0", " L 1000,4097", " L ffffffffffffffff,2", " S 1000,9223372036854775807"}) {
        CHECK(read_lackey(line).damage == fmt::format("t: line 1: '{}': no access has this size there", line));
    }
    CHECK(read_lackey(good + std::string(1 << 20, 'x')).damage.find("line 2: 'xxx") != std::string::npos);
    CHECK(read_lackey("==" + std::string(1 << 20, 'x') + "\n" + good).damage == "");
    CHECK(read_lackey(good + std::string("\0\0", 2)).damage == "t: line 2: '\?\?' is no line of lackey's");
}

}  // namespace fl::lab
